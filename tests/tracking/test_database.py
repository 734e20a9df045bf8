import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

import pytest
from optuna.storages import RDBStorage

from plainres.errors import BadInput
from plainres.system import locks
from plainres.tracking.database import (
    check_database,
    in_memory,
    mlflows_versions,
    opening_store,
    query_database,
    resolved,
    sqlite_path,
    tables_and_version,
)
from plainres.tracking.store import check_store


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///mlflow.db", "sqlite:///./mlflow.db", "sqlite:///../here/mlflow.db", "sqlite+pysqlite:///mlflow.db",
        "sqlite:///{here}/mlflow.db", "sqlite:///linked/mlflow.db", "sqlite:///link.db", "sqlite:///mlflow.db?timeout=9",
        "sqlite:///file:mlflow.db?uri=true", "sqlite:///file:{here}/mlflow%2Edb?mode=rwc&uri=true",
    ],
)  # fmt: skip
def test_every_spelling_of_a_file_is_one_database(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "linked").symlink_to(here)
    (here / "link.db").symlink_to("mlflow.db")
    assert resolved(url.format(here=here)) == f"sqlite:///{here}/mlflow.db"


def test_other_files_are_other_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved("sqlite:///studies.db") != resolved("sqlite:///mlflow.db")
    assert sqlite_path("sqlite:///a%20b.db") == Path("a%20b.db")  # as SQLAlchemy takes it


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:", "sqlite:///file::memory:?uri=true",
        "sqlite:///file:name?mode=memory&cache=shared&uri=true",
    ],
)  # fmt: skip
def test_a_database_in_memory_is_refused_however_it_is_written(url: str) -> None:
    assert in_memory(url)
    with pytest.raises(BadInput, match="a tracking store in memory can't be shared by processes: name a file"):
        check_store(url)


def test_one_database_of_a_server_is_one_whoever_asks_and_by_which_driver() -> None:
    for same in (
        "postgresql://me:secret@localhost:5432/runs",
        "postgresql+psycopg2://127.0.0.1/runs?connect_timeout=3",
        "postgresql:///runs?host=localhost",
    ):
        assert resolved(same) == "postgresql://localhost:5432/runs"
    assert resolved("postgresql://localhost/studies") != resolved("postgresql://localhost/runs")
    assert resolved("postgresql://localhost:5433/runs") != resolved("postgresql://localhost/runs")
    assert resolved("http://me:secret@host:5000/") == "http://host:5000"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Not as root, who may write everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_in_a_folder_that_takes_no_journal_is_refused() -> None:
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "mlflow.db"
        sqlite3.connect(file).close()
        file.chmod(0o666)
        folder.chmod(0o777)
        with unprivileged():
            check_database(f"sqlite:///{file}", "tracking store")
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(BadInput, match=f"folder {folder} is missing or can't be written"):
            check_database(f"sqlite:///{file}", "tracking store")
        folder.chmod(0o777)


def set_version(store: str, version: str) -> None:
    with closing(sqlite3.connect(sqlite_path(store))) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_the_installed_mlflows_tables_are_known_without_importing_it(store: str) -> None:
    known, needed = mlflows_versions()
    with closing(sqlite3.connect(sqlite_path(store))) as database, database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (needed,)
    assert "451aebb31d03" in known  # the first migration, of 2019
    check_store(store)


def test_a_store_of_another_mlflow_is_refused_with_what_to_do(store: str) -> None:
    set_version(store, "0584bdc529eb")
    with pytest.raises(BadInput, match=r"made by an older MLflow: back it up, then `uv run mlflow db upgrade sqlite"):
        check_store(store)
    set_version(store, "from2030")
    with pytest.raises(BadInput, match=r"made by a newer MLflow \(tables of version 'from2030'\)"):
        check_store(store)


def test_the_studies_database_is_no_tracking_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    RDBStorage("sqlite:///studies.db").engine.dispose()
    with pytest.raises(BadInput, match=r"tracking store sqlite:///studies\.db holds Optuna's studies: name a database"):
        check_store("sqlite:///studies.db")
    with closing(sqlite3.connect("other.db")) as database, database:
        database.execute("CREATE TABLE experimental (x)")
    with pytest.raises(BadInput, match="holds another program's tables"):
        check_store("sqlite:///other.db")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (tables_and_version, (frozenset({"studies"}), "")),
        (lambda url: query_database(url, "SELECT name FROM studies", {}, "storage"), "one"),
    ],
    ids=["tables", "query"],
)
def test_a_file_that_others_write_is_waited_for_longer_than_sqlite_does(
    read: Callable[[str], object], value: object, tmp_path: Path
) -> None:
    file = tmp_path / "busy.db"
    with closing(sqlite3.connect(file, check_same_thread=False, isolation_level=None)) as writer:
        writer.executescript("CREATE TABLE studies (name); INSERT INTO studies VALUES ('one'); BEGIN EXCLUSIVE")
        end = Timer(6, writer.rollback)  # sqlite3 gives up after 5 seconds
        end.start()
        assert read(f"sqlite:///{file}") == value
        end.join()


HOLDING = """
import os, signal, sys
from plainres.tracking.database import opening_store
with opening_store(sys.argv[1]):
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)  # as Ctrl-Z does
"""


def test_a_store_that_a_stopped_command_keeps_is_waited_for_with_a_word_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    holding = subprocess.Popen([sys.executable, "-c", HOLDING, uri], stdout=subprocess.PIPE, text=True)
    assert holding.stdout
    assert holding.stdout.readline() == "held\n"
    monkeypatch.setattr(locks, "SECONDS_UNTIL_SAID", 0.1)
    monkeypatch.setattr(locks, "SECONDS_TO_WAIT", 0.6)
    try:
        with pytest.raises(BadInput, match=r"another command is opening the store and doesn't get on: end it \("):
            opening_store(uri).__enter__()
    finally:
        holding.kill()
        holding.wait()
    assert "another command is opening the store: it is waited for" in capsys.readouterr().err
    with opening_store(uri):
        pass


def test_a_folder_of_another_users_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / f"plainres-{os.getuid()}"
    theirs.write_text("")  # what nobody can make a lock in, root neither
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with pytest.raises(BadInput, match="name another one in TMPDIR"), opening_store("sqlite:///mlflow.db"):
        pass
