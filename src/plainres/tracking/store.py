"""Whether the tracking store is there and can be written, asked without MLflow, whose import takes seconds."""

import os
import shlex
import ssl
from base64 import b64encode
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from plainres.errors import BadInput
from plainres.tracking.database import (
    MLFLOWS_TABLE,
    OPTUNAS_TABLE,
    SECONDS_TO_ANSWER,
    check_database,
    check_folder,
    is_sqlite,
    is_unmade,
    mlflows_versions,
    query_database,
    resolved,
    sqlite_path,
    tables_and_version,
)
from plainres.tracking.lock import opening_store
from plainres.tracking.shown import without_credentials

TRUSTED = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the first that is set
LONGEST_NAME = 250  # characters that every database of MLflow's keeps of a run's or an experiment's name
DEFAULT_URI = "sqlite:///mlflow.db"


def with_ending(name: str, ending: str) -> str:
    """A run's name, cut where it would be too long with its ending."""
    return name[: LONGEST_NAME - len(ending)] + ending


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
        artifacts = artifact_root(uri)
        check_folder(artifacts if artifacts.exists() else artifacts.absolute().parent, "tracking store")
        _check_tables(uri)
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
    if len(name) > LONGEST_NAME:
        raise BadInput(f"the experiment's name has {len(name)} characters, and {LONGEST_NAME} are the most")


def artifact_root(uri: str) -> Path:
    """Where the artifacts of a store in a database lie: beside an SQLite file, else in the working folder."""
    return sqlite_path(uri).parent / "mlruns" if is_sqlite(uri) else Path("mlruns")


def run_exists(uri: str, run_id: str) -> bool:
    """Whether a store that `check_store` found well holds a run of this id."""
    if uri.startswith("http"):
        return _get(uri, f"/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
    if MLFLOWS_TABLE not in tables_and_version(uri)[0]:
        return False
    query = "SELECT 1 FROM runs WHERE run_uuid = :run_id"
    return query_database(uri, query, {"run_id": run_id}, "tracking store") is not None


def experiment_exists(uri: str, name: str) -> bool:
    """Whether a store that `check_store` found well holds an experiment of this name."""
    if uri.startswith("http"):
        return _get(uri, f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(name)}")
    if MLFLOWS_TABLE not in tables_and_version(uri)[0]:
        return False
    query = "SELECT 1 FROM experiments WHERE name = :name"
    return query_database(uri, query, {"name": name}, "tracking store") is not None


def browse_hint(uri: str, experiment_id: str, view: str = "") -> str:
    """How to see an experiment in MLflow's UI, in a shared view of it if one is named, in words for the command line.

    The address is the last word.
    """
    shown = f"viewStateShareKey={quote(view)}&compareRunsMode=CHART&" if view else ""
    page = f"/#/experiments/{experiment_id}/runs?{shown}workflowType=machine_learning"
    if uri.startswith("http"):
        return without_credentials(uri).rstrip("/") + page
    command = "uv run mlflow ui"
    if resolved(uri) != resolved(DEFAULT_URI):
        command += f" --backend-store-uri {shlex.quote(without_credentials(uri))}"
    return f"`{command}`, then http://127.0.0.1:5000{page}"


def _check_tables(uri: str) -> None:
    """Raise BadInput if the database holds another program's tables, or those of another version of MLflow."""
    if _tables_problem(uri):
        with opening_store(uri):  # another process may just be making them
            problem = _tables_problem(uri)
        if problem:
            raise BadInput(f"tracking store {without_credentials(uri)} {problem}")


def _tables_problem(uri: str) -> str:
    tables, version = tables_and_version(uri)
    if not tables:
        return ""
    if MLFLOWS_TABLE not in tables:
        whose = "Optuna's studies" if OPTUNAS_TABLE in tables else "another program's tables"
        return f"holds {whose}: name a database of its own in MLFLOW_TRACKING_URI"
    known, needed = mlflows_versions()
    if version == needed or is_unmade(uri):
        return ""
    if version in known:
        return (
            f"was made by an older MLflow: back it up, then `uv run mlflow db upgrade {without_credentials(uri)}` "
            "(its user and password added, if it has any)"
        )
    return f"was made by a newer MLflow (tables of version {version!r}): install that one (`uv add mlflow@latest`)"


def _get(uri: str, path: str) -> bool:
    """Whether the server has the resource; asked as MLflow's client does, with a name and password or a token."""
    try:
        parts = urlsplit(uri)
        user = unquote(parts.username or "") or _credential("username")
        password = unquote(parts.password or "") or _credential("password")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        request = Request(address.rstrip("/") + path)
        if user and password:
            named = f"{user}:{password}".encode()
            request.add_header("Authorization", f"Basic {b64encode(named).decode()}")
        elif token:
            request.add_header("Authorization", f"Bearer {token}")
        with urlopen(request, timeout=SECONDS_TO_ANSWER, context=_trust(parts.scheme)):
            return True
    except HTTPError as error:
        error.close()
        if error.code == 404:
            return False
        reason = str(error)
    except (OSError, ValueError, HTTPException, ConfigParserError) as error:
        reason = str(error)
    raise BadInput(without_credentials(f"tracking server {uri} can't be reached: {reason}"))


def _credential(what: str) -> str:
    """The username or the password as MLflow's client finds it beside the URL: in the environment, or in its file."""
    name = f"mlflow_tracking_{what}"
    if given := os.environ.get(name.upper()):
        return given
    file = ConfigParser()
    with suppress(RuntimeError, OSError, ConfigParserError):  # no home, or no such file
        file.read(Path.home() / ".mlflow" / "credentials", encoding="utf-8")
    return str(file.get("mlflow", name, fallback=""))


def _trust(scheme: str) -> ssl.SSLContext | None:
    """Whose certificates are trusted, by the variables that MLflow's client goes by."""
    if scheme != "https":
        return None
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        context = ssl._create_unverified_context()
    else:
        trusted = next(filter(None, map(os.environ.get, TRUSTED)), None)
        is_folder = trusted is not None and os.path.isdir(trusted)
        context = ssl.create_default_context(
            cafile=None if is_folder else trusted, capath=trusted if is_folder else None
        )
    if own := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        context.load_cert_chain(own)
    return context
