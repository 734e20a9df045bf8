"""Reads what MLflow holds of many runs, in as few requests as its store offers."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.rest_utils import http_request, verify_rest_response

from plainres.errors import BadInput
from plainres.tracking.runs import REQUESTS_AT_ONCE
from plainres.tracking.store import run_exists

RUNS_A_PAGE = 250
RUNS_A_HISTORY = 100  # the most that MLflow's server takes in one request
VALUES_A_HISTORY = 25_000  # the most that it gives
SEARCH = "/api/2.0/mlflow/runs/search"
BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
LARGEST = 1.7e308  # databases hold infinity as the largest number

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Histories = dict[str, dict[int, float]]
Point = tuple[str, int, float]  # run, step, value


def stored_run(uri: str, run_id: str) -> Run:
    """Read a run by its id.

    Raises:
        BadInput: the store has no such run, or it was deleted.
    """
    if not run_exists(uri, run_id):
        raise BadInput(f"the tracking store has no run {run_id!r}")
    run = MlflowClient(uri).get_run(run_id)
    if run.info.lifecycle_stage != "active":
        raise BadInput(f"run {run_id} was deleted: `mlflow runs restore --run-id {run_id}` brings it back")
    return run


@dataclass(frozen=True)
class StoredRun:
    """Holds what a store has of a run that is there and not deleted; of its metrics the latest values."""

    run_id: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    def latest(self, metric: str) -> float:
        """Return a metric's latest value, NaN where the run has none."""
        return _restored(self.metrics.get(metric, math.nan))


def stored_runs(client: MlflowClient, experiment_id: str, run_ids: Sequence[str]) -> dict[str, StoredRun]:
    """Read those of an experiment's runs that are there and not deleted, by id."""
    store = client._tracking_client.store
    if not isinstance(store, RestStore):
        from plainres.tracking.tables import active_runs  # MLflow's tables, which clients of a server do without

        return {run_id: StoredRun(run_id, *found) for run_id, found in active_runs(store, run_ids).items()}
    pages = _at_once(lambda chunk: _page_of_server(store, experiment_id, chunk), _chunks(run_ids, RUNS_A_PAGE))
    return {run.run_id: run for run in pages}


def histories(client: MlflowClient, run_ids: Sequence[str], metric: str) -> Histories:
    """Read a metric's values by step, for each of the runs."""
    values: Histories = {run_id: {} for run_id in run_ids}
    for run_id, step, value in _entries(client, run_ids, metric):
        values[run_id][step] = _restored(value)
    return values


def _entries(client: MlflowClient, run_ids: Sequence[str], metric: str) -> Iterable[Point]:
    store = client._tracking_client.store
    if not isinstance(store, RestStore):
        from plainres.tracking.tables import metric_entries

        return metric_entries(store, run_ids, metric)
    chunks = _chunks(run_ids, RUNS_A_HISTORY)
    return _at_once(lambda chunk: list(_entries_of_server(client, store, chunk, metric)), chunks)


def _page_of_server(store: RestStore, experiment_id: str, run_ids: Sequence[str]) -> list[StoredRun]:
    """Read runs out of the answer itself: MLflow's client makes an object of every metric and parameter."""
    listed = ", ".join(f"'{run_id}'" for run_id in run_ids)
    asked = {
        "experiment_ids": [experiment_id], "filter": f"attributes.run_id IN ({listed})", "max_results": len(run_ids),
    }  # fmt: skip
    response = http_request(store.get_host_creds(), SEARCH, "POST", json=asked)  # type: ignore[no-untyped-call]
    found = verify_rest_response(response, SEARCH).json().get("runs", [])
    return [
        StoredRun(
            run["info"]["run_id"],
            {metric["key"]: float(metric["value"]) for metric in run["data"].get("metrics", [])},
            {tag["key"]: tag.get("value", "") for tag in run["data"].get("tags", [])},
        )
        for run in found
    ]


def _entries_of_server(client: MlflowClient, store: RestStore, run_ids: Sequence[str], metric: str) -> Iterator[Point]:
    asked = {"run_id": list(run_ids), "metric_key": metric, "max_results": VALUES_A_HISTORY}
    try:
        response = http_request(store.get_host_creds(), BULK, "GET", params=asked)  # type: ignore[no-untyped-call]
        verify_rest_response(response, BULK)
    except MlflowException as error:
        if error.get_http_status_code() != 404:  # type: ignore[no-untyped-call]
            raise
        yield from _entries_one_by_one(client, run_ids, metric)  # a server that has no such address
        return
    found = response.json()["metrics"]
    if len(found) < VALUES_A_HISTORY:
        for entry in found:
            yield entry["run_id"], entry["step"], entry["value"]
    elif len(run_ids) > 1:  # the answer may have been cut
        middle = len(run_ids) // 2
        for half in (run_ids[:middle], run_ids[middle:]):
            yield from _entries_of_server(client, store, half, metric)
    else:
        yield from _entries_one_by_one(client, run_ids, metric)


def _entries_one_by_one(client: MlflowClient, run_ids: Sequence[str], metric: str) -> Iterator[Point]:
    def of_run(run_id: str) -> list[Point]:
        return [(run_id, entry.step, entry.value) for entry in client.get_metric_history(run_id, metric)]

    return _at_once(of_run, run_ids)


def _at_once(fetch: Callable[[Asked], Iterable[Answer]], requests: Iterable[Asked]) -> Iterator[Answer]:
    """Send several requests at a time; yields what each fetches, in their order."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        for found in threads.map(fetch, requests):
            yield from found


def _chunks(run_ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (run_ids[start : start + size] for start in range(0, len(run_ids), size))


def _restored(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) > LARGEST else value
