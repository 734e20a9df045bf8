"""MLflow's database in a new file, whatever lies there already."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import create_engine

from plainres.errors import BadInput, StoreAway
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import log_metrics, open_experiment
from plainres.tracking.store import check_store
from tests.small_disk import mounted

FIRST, MIDDLE = (
    "451aebb31d03",
    "0c779009ac13",
)  # two of the versions that MLflow's tables go through while they are made


def half_made(path: Path, version: str) -> None:
    """Make MLflow's tables up to a version in place, as MLflow does."""
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    if version:
        from alembic import command

        config = _get_alembic_config(str(engine.url))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, version)
    engine.dispose()


@pytest.mark.parametrize("version", ["", FIRST, MIDDLE])
def test_a_database_whose_making_was_interrupted_is_made_anew(version: str, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    half_made(tmp_path / "mlflow.db", version)
    check_store(uri)
    open_experiment(uri, "somewhere")
    assert [experiment.name for experiment in MlflowClient(uri).search_experiments()] == ["somewhere", "Default"]


def test_a_journal_of_the_half_made_file_is_not_applied_to_the_new_one(tmp_path: Path) -> None:
    """SQLite would roll the new file back to what the old one was."""
    path = tmp_path / "mlflow.db"
    half_made(path, MIDDLE)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN IMMEDIATE")
        for number in range(2000):
            database.execute("INSERT INTO params VALUES ('key', ?, ?)", (str(number) * 50, str(number)))
        journal = path.with_name("mlflow.db-journal").read_bytes()
        content = path.read_bytes()
        database.rollback()
    path.write_bytes(content)
    path.with_name("mlflow.db-journal").write_bytes(journal)
    open_experiment(f"sqlite:///{path}", "somewhere")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT name FROM experiments ORDER BY name").fetchall() == [
            ("Default",),
            ("somewhere",),
        ]


def test_a_database_of_an_older_mlflow_with_runs_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    half_made(path, MIDDLE)
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (0, 'mine', 'active')")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="was made by an older MLflow"):
        check_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_database_that_another_program_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    making = subprocess.Popen(
        [sys.executable, "-c", f"from mlflow import MlflowClient; MlflowClient('sqlite:///{path}').create_experiment('theirs')"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not path.exists() or not path.stat().st_size:
        assert making.poll() is None
        time.sleep(0.01)
    open_experiment(f"sqlite:///{path}", "ours")
    assert making.wait() == 0
    names = {experiment.name for experiment in MlflowClient(f"sqlite:///{path}").search_experiments()}
    assert names == {"Default", "ours", "theirs"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte: less than the database takes."""
    with mounted(tmp_path / "disk", "512k") as disk:
        yield disk


def test_a_disk_that_is_full_leaves_no_half_of_a_database(small_disk: Path) -> None:
    uri = f"sqlite:///{small_disk / 'mlflow.db'}"
    with pytest.raises(BadInput, match="can't be made: No space left on device"):
        open_experiment(uri, "somewhere")
    assert not list(small_disk.iterdir())
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    experiment = open_experiment(uri, "somewhere")
    check_store(uri)

    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    with suppress(OSError), (small_disk / "else").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    metrics = {f"metric{number}": 0.0 for number in range(10_000)}
    with pytest.raises(StoreAway, match=r"^database or disk is full$"), reaching_store():
        log_metrics(experiment.client, run_id, metrics, 0)


def test_postgresqls_tables_whose_making_was_interrupted_are_finished(postgresql: str) -> None:
    engine = create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"))
    Base.metadata.create_all(engine)  # which is committed by itself; the steps that follow are one transaction
    engine.dispose()
    uri = postgresql.replace("postgresql:", "postgresql+psycopg:")
    check_store(uri)
    open_experiment(uri, "somewhere")
    check_store(uri)
