"""A real PostgreSQL server that cuts connections."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from plainres.tuning.storage import keep_calling, opened_storage


@pytest.fixture
def study(postgresql: str) -> Iterator[optuna.Study]:
    """An empty study of its own."""
    with opened_storage(postgresql) as storage:
        yield optuna.create_study(storage=storage)


def storage_of(study: optuna.Study) -> RDBStorage:
    backend = study._storage._backend  # type: ignore[attr-defined]
    assert isinstance(backend, RDBStorage)
    return backend


@contextmanager
def cut_at_the_next_commit(storage: RDBStorage, url: str, *, arrived: bool = False) -> Iterator[list[int]]:
    """The server ends the connection that is about to commit, or has it `arrived`; yields those that were ended."""
    ended: list[int] = []

    def cut(connection: Any) -> None:
        if not ended:
            ended.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
            if arrived:
                connection.connection.dbapi_connection.commit()
                connection.exec_driver_sql("SELECT 1")  # so that something is left to commit
            other = create_engine(url)
            with other.connect() as asking:
                asking.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ended[0]})
            other.dispose()

    event.listen(storage.engine, "commit", cut)
    yield ended
    event.remove(storage.engine, "commit", cut)


def test_a_trial_whose_end_is_cut_off_in_the_commit_is_complete(study: optuna.Study, postgresql: str) -> None:
    trial, storage = study.ask(), storage_of(study)
    with cut_at_the_next_commit(storage, postgresql) as ended:
        assert storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    assert len(ended) == 1
    (stored,) = study.get_trials()
    assert (stored.state, stored.value) == (TrialState.COMPLETE, 0.5)


def test_drawing_reporting_and_noting_outlast_a_cut(study: optuna.Study, postgresql: str) -> None:
    for step in ("ask", "draw", "report", "note"):
        with cut_at_the_next_commit(storage_of(study), postgresql) as ended:
            match step:
                case "ask":
                    trial = study.ask()
                case "draw":
                    trial.suggest_float("lr", 1e-3, 1.0)
                case "report":
                    trial.report(0.25, 1)
                case "note":
                    trial.set_user_attr("worker", "a")
        assert len(ended) == 1, step
    stored = study.get_trials()[trial.number]
    assert (stored.params.keys(), stored.intermediate_values) == ({"lr"}, {1: 0.25})
    assert stored.user_attrs == {"worker": "a"}


def test_what_optunas_cache_asks_of_the_storage_outlasts_a_cut(study: optuna.Study, postgresql: str) -> None:
    cache, trial = study._storage, study.ask()
    with cut_at_the_next_commit(storage_of(study), postgresql) as ended:
        cache.set_trial_param(trial._trial_id, "lr", 0.25, FloatDistribution(0, 1))
    assert len(ended) == 1
    with cut_at_the_next_commit(storage_of(study), postgresql) as ended:
        cache.create_new_trial(study._study_id)
    assert len(ended) == 1
    assert [stored.params for stored in study.get_trials()] == [{"lr": 0.25}, {}]


def test_a_commit_that_arrived_though_its_answer_did_not_counts(study: optuna.Study, postgresql: str) -> None:
    storage, trial = storage_of(study), study.ask()
    with cut_at_the_next_commit(storage, postgresql, arrived=True) as ended:
        assert storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    assert len(ended) == 1
    assert study.get_trials()[0].value == 0.5
    with pytest.raises(UpdateFinishedTrialError):  # as by a process that was taken for dead
        storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])


def test_a_database_that_stays_away_is_told_after_a_while() -> None:
    def refuse() -> None:
        try:
            raise OperationalError("SELECT 1", {}, Exception("connection refused"))
        except OperationalError as error:
            raise StorageInternalError("An exception is raised during the commit.") from error

    started = time.monotonic()
    with pytest.raises(StorageInternalError):
        keep_calling(refuse, patience=0.5)
    assert 0.2 < time.monotonic() - started < 0.6


def test_what_is_no_cut_is_not_tried_again() -> None:
    calls = []

    def wrong() -> None:
        calls.append(1)
        raise ProgrammingError("SELECT x", {}, Exception("no such column"))

    with pytest.raises(ProgrammingError):
        keep_calling(wrong)
    assert len(calls) == 1
