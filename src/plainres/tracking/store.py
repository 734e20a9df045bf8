"""Checks that the tracking store is there and can be written, without MLflow, whose import takes seconds."""

import os
import shlex
import warnings
from base64 import b64encode
from configparser import ConfigParser, Error as ConfigParserError
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from plainres.errors import BadInput, first_line, without_credentials
from plainres.tracking.database import (
    MLFLOWS_TABLE,
    OPTUNAS_TABLE,
    SECONDS_TO_ANSWER,
    check_database,
    check_folder,
    is_sqlite,
    is_unmade,
    mlflows_versions,
    opening_store,
    query_database,
    resolved,
    sqlite_path,
    tables_and_version,
)

LONGEST_NAME = 250  # characters that every database of MLflow's keeps of a run's or an experiment's name
DEFAULT_URI = "sqlite:///mlflow.db"


def with_ending(name: str, ending: str) -> str:
    """Cut a run's name where it would be too long with its ending, and append that."""
    return name[: LONGEST_NAME - len(ending)] + ending


def tracking_uri() -> str:
    """Tell the store that runs are logged to: MLFLOW_TRACKING_URI, or MLflow's default, `mlflow.db` in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def check_store(uri: str, *, writes: bool = True) -> None:
    """Return if the store can be reached, and written if that `writes` is asked for; nothing is written to find out.

    Raises:
        BadInput: it can't.
    """
    scheme = uri.partition(":")[0].split("+")[0]
    if scheme in ("sqlite", "postgresql", "mysql", "mssql"):
        check_database(uri, "tracking store", writes=writes)
        if writes:
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


def is_read_only(uri: str) -> bool:
    """Tell whether a store that can be read can't be written, as far as files tell."""
    if is_sqlite(uri):
        try:
            check_store(uri)
        except BadInput:
            return True
    return False


def check_experiment_name(name: str) -> None:
    """Raise BadInput for a name that MLflow couldn't show."""
    if not name.strip() or not name.isprintable():
        raise BadInput(f"the experiment's name {name!r} is empty or can't be shown")
    if len(name) > LONGEST_NAME:
        raise BadInput(f"the experiment's name has {len(name)} characters, and {LONGEST_NAME} are the most")


def artifact_root(uri: str) -> Path:
    """Tell where the artifacts of a store in a database lie: beside an SQLite file, else in the working folder."""
    return sqlite_path(uri).parent / "mlruns" if is_sqlite(uri) else Path("mlruns")


def run_exists(uri: str, run_id: str) -> bool:
    """Tell whether a store that `check_store` found well holds a run of this id."""
    if uri.startswith("http"):
        return _get(uri, "/api/2.0/mlflow/runs/get", run_id=run_id)
    return _holds(uri, "SELECT 1 FROM runs WHERE run_uuid = :value", run_id)


def experiment_exists(uri: str, name: str) -> bool:
    """Tell whether a store that `check_store` found well holds an experiment of this name."""
    if uri.startswith("http"):
        return _get(uri, "/api/2.0/mlflow/experiments/get-by-name", experiment_name=name)
    return _holds(uri, "SELECT 1 FROM experiments WHERE name = :value", name)


def page_of(experiment_id: str, view: str = "") -> str:
    """Write the address of an experiment's page within MLflow's UI, in a shared view of it if one is named."""
    shown = f"viewStateShareKey={quote(view)}&compareRunsMode=CHART&" if view else ""
    return f"/#/experiments/{experiment_id}/runs?{shown}workflowType=machine_learning"


def page_of_run(experiment_id: str, run_id: str) -> str:
    """Write the address of a run's page within MLflow's UI."""
    return f"/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def browse_hint(uri: str, experiment_id: str, view: str = "") -> str:
    """Say how to see an experiment in MLflow's UI, in a shared view of it if one is named, on the command line.

    The address is the last word.
    """
    page = page_of(experiment_id, view)
    if uri.startswith("http"):
        return without_credentials(uri).rstrip("/") + page
    command = "uv run mlflow ui"
    # In a folder with runs in files, as older versions of MLflow kept them, it would look for them instead.
    if resolved(uri) != resolved(DEFAULT_URI) or any(Path("mlruns").glob("*/meta.yaml")):
        command += f" --backend-store-uri {shlex.quote(without_credentials(uri))}"
    return f"`{command}`, then http://127.0.0.1:5000{page}"


def _holds(uri: str, query: str, value: str) -> bool:
    if MLFLOWS_TABLE not in tables_and_version(uri)[0]:
        return False
    return query_database(uri, query, {"value": value}, "tracking store") is not None


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


def _get(uri: str, path: str, **query: str) -> bool:
    """Tell whether the server has the resource, asked as MLflow's client asks: by the same library and variables."""
    import requests
    from urllib3.exceptions import InsecureRequestWarning

    workspace = os.environ.get("MLFLOW_WORKSPACE")
    headers = _authorization() | ({"X-MLFLOW-WORKSPACE": workspace} if workspace else {})
    try:
        verify = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")
        with warnings.catch_warnings(action="ignore", category=InsecureRequestWarning):
            response = requests.get(
                uri.rstrip("/") + path, query, headers=headers, timeout=SECONDS_TO_ANSWER,
                verify=verify and (os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True),
                cert=os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
            )  # fmt: skip
        if response.ok or response.status_code == 404:
            return response.ok
        reason = f"HTTP Error {response.status_code}: {response.reason}"
    except requests.exceptions.ProxyError:
        proxy = requests.utils.select_proxy(uri, requests.utils.get_environ_proxies(uri))
        reason = f"the proxy {proxy} that the environment names does not lead there"
    except (OSError, ValueError, ConfigParserError) as error:
        cause: BaseException = error
        while cause.__context__:  # what requests and urllib3 wrap says it in a few words
            cause = cause.__context__
        reason = first_line(cause)
    raise BadInput(without_credentials(f"tracking server {uri} can't be reached: {reason}"))


def _authorization() -> dict[str, str]:
    """Give the header with a name and password of the environment or of MLflow's file, or with a token.

    Those of the URL, or of ~/.netrc, come first: requests sees to them.
    """
    file = ConfigParser()
    with suppress(RuntimeError, OSError, ConfigParserError):  # no home, or no such file
        file.read(Path.home() / ".mlflow" / "credentials", encoding="utf-8")
    user, password = (
        os.environ.get(name.upper()) or str(file.get("mlflow", name, fallback=""))
        for name in ("mlflow_tracking_username", "mlflow_tracking_password")
    )
    if user and password:
        return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}
