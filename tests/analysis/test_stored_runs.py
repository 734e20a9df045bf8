"""Histories in bulk, out of a database and over HTTP from MLflow's own server."""

import math
from collections.abc import Iterator
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from werkzeug.serving import make_server

from plainres.analysis import stored_runs
from plainres.analysis.stored_runs import Histories, histories

VALUES = {1: 0.5, 2: math.inf, 3: -0.25, 10: 4.0}


@pytest.fixture
def server(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """MLflow's server on the store."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", store)
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    from mlflow.server import app, handlers

    monkeypatch.setattr(handlers, "_tracking_store", None)
    serving = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.port}"
    serving.shutdown()
    thread.join()


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
