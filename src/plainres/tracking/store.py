"""Whether the tracking store is there and can be written, asked without MLflow, whose import takes seconds."""

import os
import sqlite3
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from plainres.errors import BadInput

DEFAULT_URI = "sqlite:///mlflow.db"
SECONDS_TO_ANSWER = 5


def tracking_uri() -> str:
    """The store that runs are logged to: MLFLOW_TRACKING_URI, or MLflow's default, `mlflow.db` in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def check_store(uri: str) -> None:
    """Return if the store can be reached and written; nothing is written to find out.

    Raises:
        BadInput: it can't.
    """
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme == "sqlite":
        _check_sqlite(_sqlite_path(uri))
    elif scheme in ("postgresql", "mysql", "mssql"):
        _query_database(uri, "SELECT 1", {})
    elif scheme in ("http", "https"):
        _get(uri, "/health")
    else:
        raise BadInput(f"tracking store {uri!r} is neither a database (sqlite:///FILE, postgresql://...) nor a server")


def run_exists(uri: str, run_id: str) -> bool:
    """Whether a store that `check_store` found well holds a run of this id."""
    if urlsplit(uri).scheme in ("http", "https"):
        return _get(uri, f"/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
    if uri.startswith("sqlite") and not _sqlite_path(uri).exists():
        return False
    return _query_database(uri, "SELECT 1 FROM runs WHERE run_uuid = :run_id", {"run_id": run_id})


def browse_hint(uri: str, experiment_id: str) -> str:
    """How to see an experiment in MLflow's UI, in words for the command line."""
    page = f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    if urlsplit(uri).scheme in ("http", "https"):
        return without_credentials(uri).rstrip("/") + page
    command = (
        "uv run mlflow ui" if uri == DEFAULT_URI else f"uv run mlflow ui --backend-store-uri {without_credentials(uri)}"
    )
    return f"`{command}`, then http://127.0.0.1:5000{page}"


def without_credentials(uri: str) -> str:
    """The URI as it may be shown: user name and password left out."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _sqlite_path(uri: str) -> Path:
    return Path(urlsplit(uri).path.removeprefix("/"))


def _check_sqlite(path: Path) -> None:
    if not path.exists():
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BadInput(f"tracking store {path}: its folder is missing or can't be written")
        return
    try:
        with sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=SECONDS_TO_ANSWER) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        raise BadInput(f"tracking store {path} can't be written: {error}") from error


def _query_database(uri: str, query: str, values: dict[str, str]) -> bool:
    """Whether the query gives a row."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(uri)
        with engine.connect() as connection:
            return connection.execute(text(query), values).first() is not None
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"tracking store {without_credentials(uri)} can't be reached: {reason}") from error


def _get(uri: str, path: str) -> bool:
    """Whether the server has the resource."""
    try:
        with urlopen(uri.rstrip("/") + path, timeout=SECONDS_TO_ANSWER):
            return True
    except HTTPError as error:
        if error.code == 404:
            return False
        reason: object = error
    except (OSError, ValueError) as error:
        reason = error
    raise BadInput(f"tracking server {without_credentials(uri)} can't be reached: {reason}")
