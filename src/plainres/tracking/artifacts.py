"""Writes the files of MLflow runs, and finds them where the store now lies.

MLflow notes their place as an absolute path when a run is made. A store in an SQLite file moves together with the
`mlruns` beside it, when a checkout is moved, renamed or copied: its files are looked for there.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.file_utils import local_file_uri_to_path

from plainres.errors import BadInput, first_line, without_credentials
from plainres.system.files import flush
from plainres.tracking.database import is_sqlite, sqlite_path
from plainres.tracking.store import artifact_root

FOLDERS_ABOVE = 4  # a run's, its experiment's, `mlruns` and the one that holds it: each may be new


def log_artifact(tracking_uri: str, run_id: str, path: Path) -> None:
    """Store a file with a run, or every file of a folder under its name there.

    Files on this machine outlast a loss of power when this returns; those of a server are the server's.
    """
    where = _place(tracking_uri, run_id)
    artifacts = _repository(where, tracking_uri)
    if path.is_dir():
        artifacts.log_artifacts(str(path))  # type: ignore[no-untyped-call]
    else:
        artifacts.log_artifact(str(path))  # type: ignore[no-untyped-call]
    if isinstance(where, Path):
        for written in (*where.rglob("*"), where, *list(where.parents)[:FOLDERS_ABOVE]):
            flush(written)


def check_artifacts(tracking_uri: str, location: str) -> None:
    """Return if files can be stored at an experiment's location: a small one is written, found and deleted.

    Raises:
        BadInput: they can't.
    """
    name = "written-to-try.txt"
    where = _place_of(tracking_uri, f"{location.rstrip('/')}/tried")
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / name).write_text("to try whether files can be stored here\n")
            artifacts = _repository(where, tracking_uri)
            artifacts.log_artifact(str(Path(folder) / name))  # type: ignore[no-untyped-call]
        if name not in _sizes(artifacts):
            raise OSError("what is written there isn't there afterwards")
        with suppress(Exception):  # an account, or a kind of place, that may not delete
            artifacts.delete_artifacts(name)  # type: ignore[no-untyped-call]
            if isinstance(where, Path):
                where.rmdir()
    except Exception as error:  # of whatever library the place takes
        raise BadInput(f"files can't be stored at {without_credentials(location)}: {first_line(error)}") from error


def log_text(tracking_uri: str, run_id: str, text: str, name: str) -> None:
    """Store a text with a run as a file of this name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        log_artifact(tracking_uri, run_id, path)


def download_artifact(tracking_uri: str, run_id: str, name: str, folder: Path) -> Path:
    """Copy a run's file into a folder.

    Raises:
        MlflowException: the run has no such file, or there is no such run.
    """
    artifacts = _repository(_place(tracking_uri, run_id), tracking_uri)
    return Path(artifacts.download_artifacts(name, str(folder)))  # type: ignore[no-untyped-call]


def artifact_sizes(tracking_uri: str, run_id: str) -> dict[str, int]:
    """List the bytes of each of a run's files, by name."""
    return _sizes(_repository(_place(tracking_uri, run_id), tracking_uri))


def delete_artifact(tracking_uri: str, run_id: str, name: str) -> int:
    """Delete a run's file, if it has one of this name; returns the bytes that it took."""
    artifacts = _repository(_place(tracking_uri, run_id), tracking_uri)
    size = _sizes(artifacts).get(name)
    if size is None:
        return 0
    artifacts.delete_artifacts(name)  # type: ignore[no-untyped-call]
    return size


def artifact_location(tracking_uri: str, run_id: str) -> str:
    """Name the folder of a run's files as it is shown: a path where they lie on this machine, else a URI."""
    return str(_place(tracking_uri, run_id))


def new_artifact_root(tracking_uri: str, experiment_name: str) -> str | None:
    """Choose where a new experiment's files lie: beside an SQLite store; else MLflow chooses.

    It is a URI, in which `#`, `?` and `%` in a folder's name are quoted; MLflow's own paths lose them.
    """
    if not is_sqlite(tracking_uri):
        return None
    readable = re.sub(r"\W+", "-", experiment_name)[:40]
    digest = hashlib.sha256(experiment_name.encode()).hexdigest()[:8]
    return (artifact_root(tracking_uri).absolute() / f"{readable}-{digest}").as_uri()


def _repository(where: Path | str, tracking_uri: str) -> ArtifactRepository:
    uri = where.as_uri() if isinstance(where, Path) else where  # which quotes what a URI gives a meaning
    return get_artifact_repository(uri, tracking_uri=tracking_uri)


def _sizes(artifacts: ArtifactRepository) -> dict[str, int]:
    return {file.path: int(file.file_size or 0) for file in artifacts.list_artifacts() if not file.is_dir}


def _place(tracking_uri: str, run_id: str) -> Path | str:
    return place_of_files(tracking_uri, MlflowClient(tracking_uri).get_run(run_id))


def place_of_files(tracking_uri: str, run: Run) -> Path | str:
    """Find the folder of a run's files: a path where they lie on this machine, else a URI."""
    return _place_of(tracking_uri, str(run.info.artifact_uri))


def _place_of(tracking_uri: str, uri: str) -> Path | str:
    noted = _local_path(uri)
    if noted is None:
        return uri
    return _where_now(noted, sqlite_path(tracking_uri).absolute()) if is_sqlite(tracking_uri) else noted


def _where_now(noted: Path, database: Path) -> Path:
    """The folder of a run's files, noted when the database lay where it lies now, or elsewhere.

    Beside another store than this one's there are no files of this one; but a store can be told of any working folder,
    and have them there.
    """
    root = artifact_root("").name
    if root not in noted.parts:
        return noted
    depth = len(noted.parts) - noted.parts[::-1].index(root)
    before, below = Path(*noted.parts[:depth]), Path(*noted.parts[depth:])
    beside = database.parent / root / below
    is_elsewhere = before.is_dir() and not (before.parent / database.name).exists()
    return noted if is_elsewhere and not beside.parent.exists() else beside


def _local_path(uri: str) -> Path | None:
    if uri.startswith("file:"):
        return Path(local_file_uri_to_path(uri))  # type: ignore[no-untyped-call]
    return None if ":" in uri.partition("/")[0] else Path(uri)
