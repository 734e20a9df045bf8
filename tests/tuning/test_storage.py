import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from plainres.errors import BadInput
from plainres.tuning import storage as storage_module
from plainres.tuning.storage import DEFAULT_STORAGE, HEARTBEAT_SECONDS, check_storage, open_storage, opened_storage


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; runs are tracked in mlflow.db there."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "url", ["sqlite:///mlflow.db", "sqlite:///./mlflow.db", "sqlite:///{here}/mlflow.db", "sqlite:///link.db"]
)
def test_mlflows_database_is_refused_however_it_is_written(url: str, here: Path) -> None:
    (here / "link.db").symlink_to(here / "mlflow.db")
    with pytest.raises(BadInput, match="is MLflow's database: studies need another one"):
        check_storage(url.format(here=here))


def test_mlflows_database_is_known_by_what_mlflow_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///studies.db")
    with pytest.raises(BadInput, match="is MLflow's database"):
        check_storage(f"sqlite+pysqlite:///{here}/studies.db")
    check_storage("sqlite:///mlflow.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_storage_in_memory_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="a storage in memory can't be shared"):
        check_storage(url)


def test_a_database_of_other_tables_is_no_storage(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///another.db")
    MlflowClient(store)
    with pytest.raises(BadInput, match="holds MLflow's runs: studies need a database of their own"):
        check_storage(store)
    with closing(sqlite3.connect("other.db")) as database, database:
        database.execute("CREATE TABLE experimental (x)")
    with pytest.raises(BadInput, match="holds another program's tables"):
        check_storage("sqlite:///other.db")


def test_a_storage_of_another_optuna_is_refused_without_waiting_for_who_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_storage("sqlite:///studies.db").engine.dispose()
    with closing(sqlite3.connect("studies.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
    waits: list[float] = []
    monkeypatch.setattr("plainres.tuning.storage.time.sleep", waits.append)
    with pytest.raises(BadInput, match="can't hold studies: RuntimeError: The runtime optuna version"):
        open_storage("sqlite:///studies.db")
    assert len(waits) == 1


def test_the_default_storage_may_be_missing_and_is_made_when_it_is_opened(here: Path) -> None:
    check_storage(DEFAULT_STORAGE)
    assert not list(here.iterdir())
    with pytest.raises(BadInput, match="folder elsewhere is missing"):
        check_storage("sqlite:///elsewhere/studies.db")
    open_storage(DEFAULT_STORAGE).engine.dispose()
    assert (here / "studies" / "lr_batch_size.db").exists()
    check_storage(DEFAULT_STORAGE)


def test_a_clock_that_is_set_forward_kills_no_trial(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(storage_module.time, "monotonic", lambda: now)
    with opened_storage("sqlite:///studies.db") as storage:
        study = optuna.create_study(storage=storage)
        trial = study.ask()
        storage.record_heartbeat(trial._trial_id)

        def set_clock_forward() -> None:
            with closing(sqlite3.connect(here / "studies.db")) as database, database:
                database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')")

        def state() -> TrialState:
            optuna.storages.fail_stale_trials(study)
            return study.get_trials(deepcopy=False)[0].state

        for _ in range(3):
            set_clock_forward()
            assert state() == TrialState.RUNNING
            now += 2 * HEARTBEAT_SECONDS + 1
            storage.record_heartbeat(trial._trial_id)  # the trial is alive
            assert state() == TrialState.RUNNING
        set_clock_forward()
        assert state() == TrialState.RUNNING
        now += 2 * HEARTBEAT_SECONDS + 1
        assert state() == TrialState.FAIL
