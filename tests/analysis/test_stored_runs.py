"""Many runs at once, out of a database and over HTTP from MLflow's own server."""

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from plainres.analysis import stored_runs
from plainres.analysis.stored_runs import Histories, histories, stored_runs as read_runs

VALUES = {1: 0.5, 2: math.inf, 3: -0.25, 10: 4.0}


@pytest.fixture
def runs(store: str) -> Histories:
    """What is logged: two runs with values, one without, by id."""
    client = MlflowClient(store)
    run_ids = [client.create_run("0").info.run_id for _ in range(3)]
    for run_id in run_ids[:2]:
        client.log_batch(run_id, metrics=[Metric("loss", value, 1000 + step, step) for step, value in VALUES.items()])
        client.log_metric(run_id, "other", 1.0)
    return {run_ids[0]: VALUES, run_ids[1]: VALUES, run_ids[2]: {}}


def test_a_database_gives_every_value(store: str, runs: Histories) -> None:
    assert histories(MlflowClient(store), list(runs), "loss") == runs


def test_a_server_gives_the_same_in_one_request_or_in_many(
    server: str, runs: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert histories(MlflowClient(server), list(runs), "loss") == runs
    monkeypatch.setattr(stored_runs, "VALUES_A_HISTORY", 5)  # an answer that may have been cut is asked for in halves
    assert histories(MlflowClient(server), list(runs), "loss") == runs
    monkeypatch.setattr(stored_runs, "VALUES_A_HISTORY", 2)
    assert histories(MlflowClient(server), list(runs), "loss") == runs


def test_a_server_that_lacks_the_address_is_asked_run_by_run(
    server: str, runs: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_runs, "BULK", "/ajax-api/2.0/mlflow/metrics/no-such-address")
    assert histories(MlflowClient(server), list(runs), "loss") == runs


def test_a_database_and_a_server_give_the_same_of_runs_that_are_there(
    store: str, server: str, runs: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, (first, second, bare) = MlflowClient(store), runs
    client.log_metric(first, "lost", math.nan)
    client.set_tag(first, "diverged", "3")
    client.delete_run(second)
    for uri in (store, server):
        found = read_runs(MlflowClient(uri), "0", [first, second, bare, "no run"])
        assert found.keys() == {first, bare}
        assert (found[first].latest("loss"), found[first].latest("other")) == (4.0, 1.0)
        assert math.isnan(found[first].latest("lost"))
        assert math.isnan(found[bare].latest("loss"))
        assert found[first].tags["diverged"] == "3"
    monkeypatch.setattr(stored_runs, "RUNS_A_PAGE", 1)
    assert read_runs(MlflowClient(server), "0", list(runs)).keys() == {first, bare}
