"""Makes MLflow's database in a file of SQLite's, which then is whole or not there.

MLflow makes its tables in the file itself, one after the other. What is killed meanwhile leaves a file that no MLflow
opens any more.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.store.db.utils import _initialize_tables
from sqlalchemy import URL, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from plainres.errors import BadInput, first_line
from plainres.system.files import write_whole
from plainres.tracking.database import is_unmade, sqlite_path

SECONDS_TO_SETTLE = 2.0  # without a change, after which nobody is making the tables of a file any more
BESIDE = ("-journal", "-wal", "-shm")  # what SQLite leaves beside a file: it would be taken for the new file's


def make_database(uri: str) -> None:
    """Make the database of an SQLite store that has none, or a half-made one; the caller holds the store's lock.

    Raises:
        BadInput: it can't be written; a file that was there is as it was.
    """
    path = sqlite_path(uri).resolve()
    if not is_unmade(uri):
        return
    try:
        with TemporaryDirectory() as folder:
            made = Path(folder) / "mlflow.db"
            _make_tables(made)
            _wait_for_others(path)
            if is_unmade(uri):  # else another program was faster
                for ending in BESIDE:
                    path.with_name(path.name + ending).unlink(missing_ok=True)
                write_whole(path, made.read_bytes())
    except (OSError, SQLAlchemyError) as error:
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise BadInput(f"tracking store {path} can't be made: {reason}") from error


def _make_tables(path: Path) -> None:
    engine = create_engine(URL.create("sqlite", database=str(path)))

    @event.listens_for(engine, "connect")
    def do_not_flush(connection: object, _: object) -> None:  # each of hundreds of steps; the whole file is, in the end
        connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]

    try:
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()


def _wait_for_others(path: Path) -> None:
    """Return when a file that is there has stayed as it is for a while: `mlflow ui` may just be making its tables."""
    while path.exists():
        before = path.stat().st_mtime_ns
        time.sleep(SECONDS_TO_SETTLE)
        if path.stat().st_mtime_ns == before:
            return
