"""Whether the tracking store is there and can be written, asked without MLflow, whose import takes seconds."""

import math
import os
import re
import sqlite3
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from plainres.errors import BadInput

DEFAULT_URI = "sqlite:///mlflow.db"
SECONDS_TO_ANSWER = 1.5


def tracking_uri() -> str:
    """The store that runs are logged to: MLFLOW_TRACKING_URI, or MLflow's default, `mlflow.db` in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def check_store(uri: str) -> None:
    """Return if the store can be reached and written; nothing is written to find out.

    Raises:
        BadInput: it can't.
    """
    scheme = uri.partition(":")[0].split("+")[0]
    if scheme in ("sqlite", "postgresql", "mysql", "mssql"):
        check_database(uri, "tracking store")
        _check_folder(Path("mlruns"), "tracking store")  # where MLflow puts the artifacts of a store in a database
    elif scheme in ("http", "https"):
        if not _get(uri, "/health"):
            raise BadInput(f"no MLflow server answers at {without_credentials(uri)}")
    else:
        raise BadInput(
            f"tracking store {without_credentials(uri)!r} is neither a database (sqlite:///FILE, postgresql://...) nor "
            "a server (http://...)"
        )


def check_experiment_name(name: str) -> None:
    """Raise BadInput for a name that MLflow couldn't show."""
    if not name.strip() or not name.isprintable():
        raise BadInput(f"the experiment's name {name!r} is empty or can't be shown")


def check_database(uri: str, what: str) -> None:
    """Return if a database can be reached, and a file of SQLite's written; nothing is written to find out.

    Raises:
        BadInput: it can't; `what` names it in the message.
    """
    if is_sqlite(uri):
        _check_sqlite(sqlite_path(uri), what)
    else:
        _query_database(uri, "SELECT 1", {}, what)


def run_exists(uri: str, run_id: str) -> bool:
    """Whether a store that `check_store` found well holds a run of this id."""
    if uri.startswith("http"):
        return _get(uri, f"/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
    if is_sqlite(uri) and not sqlite_path(uri).exists():
        return False
    query = "SELECT 1 FROM runs WHERE run_uuid = :run_id"
    return _query_database(uri, query, {"run_id": run_id}, "tracking store")


def browse_hint(uri: str, experiment_id: str) -> str:
    """How to see an experiment in MLflow's UI, in words for the command line."""
    page = f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    if uri.startswith("http"):
        return without_credentials(uri).rstrip("/") + page
    command = (
        "uv run mlflow ui" if uri == DEFAULT_URI else f"uv run mlflow ui --backend-store-uri {without_credentials(uri)}"
    )
    return f"`{command}`, then http://127.0.0.1:5000{page}"


def without_credentials(text: str) -> str:
    """The text as it may be shown: user name, password and query, which can hold them too, left out of its URLs."""
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1", re.sub(r"://\S*@", "://", text))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, as it may be shown; the error's kind if it has no text."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_credentials(lines[0])


def is_sqlite(uri: str) -> bool:
    """Whether a database is a file of SQLite's."""
    return uri.partition(":")[0].split("+")[0] == "sqlite"


def sqlite_path(uri: str) -> Path:
    """The file of an SQLite URI."""
    return Path(uri.partition(":///")[2].partition("?")[0])


def _check_sqlite(path: Path, what: str) -> None:
    if not path.exists():
        _check_folder(path.parent, what, may_be_made=False)
        return
    try:
        with sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=SECONDS_TO_ANSWER) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        raise BadInput(f"{what} {path} can't be written: {error}") from error


def _check_folder(folder: Path, what: str, *, may_be_made: bool = True) -> None:
    if may_be_made and not folder.exists():
        folder = folder.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{what}: folder {folder} is missing or can't be written")


def _query_database(uri: str, query: str, values: dict[str, str], what: str) -> bool:
    """Whether the query gives a row."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        timeout = {} if uri.startswith(("sqlite", "mssql")) else {"connect_timeout": math.ceil(SECONDS_TO_ANSWER)}
        engine = create_engine(uri, connect_args=timeout)
        with engine.connect() as connection:
            return connection.execute(text(query), values).first() is not None
    except (SQLAlchemyError, ImportError, ValueError) as error:
        # A password that holds an `@` gets into the host's name, and so into the reason.
        reason = re.sub(r"\S*@", "", str(error).splitlines()[0])
        reason = re.sub(r'user "[^"]*"', "the user", reason)
        raise BadInput(f"{what} {without_credentials(uri)} can't be reached: {reason}") from error


def _get(uri: str, path: str) -> bool:
    """Whether the server has the resource; asked as MLflow's client does, with a name and password or a token."""
    try:
        parts = urlsplit(uri)
        user = parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME")
        password = parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        request = Request(address.rstrip("/") + path)
        if user and password:
            named = f"{unquote(user)}:{unquote(password)}".encode()
            request.add_header("Authorization", f"Basic {b64encode(named).decode()}")
        elif token:
            request.add_header("Authorization", f"Bearer {token}")
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            return True
    except HTTPError as error:
        if error.code == 404:
            return False
        reason: object = error
    except (OSError, ValueError, HTTPException) as error:
        reason = error
    raise BadInput(without_credentials(f"tracking server {uri} can't be reached: {reason}"))
