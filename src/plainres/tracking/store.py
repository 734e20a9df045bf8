"""Whether the tracking store is there and can be written, asked without MLflow, whose import takes seconds."""

import math
import os
import re
import sqlite3
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

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
    if path := sqlite_path(uri):
        _check_sqlite(path)
        _check_folder(Path("mlruns"))  # where MLflow puts the artifacts of a store in a database
    elif scheme in ("postgresql", "mysql", "mssql"):
        _query_database(uri, "SELECT 1", {})
        _check_folder(Path("mlruns"))
    elif scheme in ("http", "https"):
        if not _get(uri, "/health"):
            raise BadInput(f"no MLflow server answers at {without_credentials(uri)}")
    else:
        raise BadInput(
            f"tracking store {without_credentials(uri)!r} is neither a database (sqlite:///FILE, postgresql://...) nor "
            "a server (http://...)"
        )


def run_exists(uri: str, run_id: str) -> bool:
    """Whether a store that `check_store` found well holds a run of this id."""
    if uri.startswith("http"):
        return _get(uri, f"/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
    path = sqlite_path(uri)
    if path and not path.exists():
        return False
    return _query_database(uri, "SELECT 1 FROM runs WHERE run_uuid = :run_id", {"run_id": run_id})


def browse_hint(uri: str, experiment_id: str) -> str:
    """How to see an experiment in MLflow's UI, in words for the command line."""
    page = f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    if uri.startswith("http"):
        return without_credentials(uri).rstrip("/") + page
    command = (
        "uv run mlflow ui" if uri == DEFAULT_URI else f"uv run mlflow ui --backend-store-uri {without_credentials(uri)}"
    )
    return f"`{command}`, then http://127.0.0.1:5000{page}"


def sqlite_path(uri: str) -> Path | None:
    """The file of a store that is one, else None."""
    return Path(uri.partition(":///")[2]) if uri.partition(":")[0].split("+")[0] == "sqlite" else None


def without_credentials(text: str) -> str:
    """The text with every user name, password and token in a URL left out, so that it may be shown."""
    text = re.sub(r"://[^/\s]*@", "://", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|passwd|token|secret)[^=&\s]*=)[^&\s]*", r"\1***", text)


def _check_sqlite(path: Path) -> None:
    if not path.exists():
        _check_folder(path.parent, may_be_made=False)
        return
    try:
        with sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=SECONDS_TO_ANSWER) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        raise BadInput(f"tracking store {path} can't be written: {error}") from error


def _check_folder(folder: Path, *, may_be_made: bool = True) -> None:
    if may_be_made and not folder.exists():
        folder = folder.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"tracking store: folder {folder} is missing or can't be written")


def _query_database(uri: str, query: str, values: dict[str, str]) -> bool:
    """Whether the query gives a row."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        timeout = {} if uri.startswith(("sqlite", "mssql")) else {"connect_timeout": math.ceil(SECONDS_TO_ANSWER)}
        engine = create_engine(uri, connect_args=timeout)
        with engine.connect() as connection:
            return connection.execute(text(query), values).first() is not None
    except (SQLAlchemyError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(without_credentials(f"tracking store {uri} can't be reached: {reason}")) from error


def _get(uri: str, path: str) -> bool:
    """Whether the server has the resource."""
    try:
        with urlopen(uri.rstrip("/") + path, timeout=SECONDS_TO_ANSWER):
            return True
    except HTTPError as error:
        if error.code == 404:
            return False
        reason: object = error
    except (OSError, ValueError, HTTPException) as error:
        reason = error
    raise BadInput(without_credentials(f"tracking server {uri} can't be reached: {reason}"))
