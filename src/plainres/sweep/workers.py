"""Training runs side by side in worker processes, told as a stream of events."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from multiprocessing.managers import SyncManager
from queue import Queue

import joblib
from pebble import ProcessFuture, ProcessPool

from plainres.config import RunConfig
from plainres.tracking.runs import DIVERGED_TAG, Experiment, log_metrics, tracked_run
from plainres.tracking.source import Source


@dataclass(frozen=True)
class Progress:
    """A run has begun (epoch 0) or finished an epoch."""

    config: RunConfig
    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Finished:
    """A run is trained and stored under this id."""

    config: RunConfig
    run_id: str
    train_error: float


@dataclass(frozen=True)
class Failed:
    """A run ended without a result; `reason` is one line."""

    config: RunConfig
    reason: str


Event = Progress | Finished | Failed


def default_jobs(device: str, threads: int) -> int:
    """How many runs to train side by side: as many as the cores that this process may use hold, one on a GPU."""
    return max(1, joblib.cpu_count() // threads) if device == "cpu" else 1


def train_side_by_side(
    configs: Sequence[RunConfig], jobs: int, experiment: Experiment, parent_run_id: str, source: Source
) -> Iterator[Event]:
    """Train every configuration, `jobs` at a time, each tracked as a child of the parent run.

    Ends when every run has finished or failed. Closing the iterator, or an exception such as KeyboardInterrupt while
    it waits, stops the workers at once.
    """
    if not configs:
        return
    context = multiprocessing.get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(follow_parent)
    with manager:
        events: Queue[Progress | int] = manager.Queue()
        pool = ProcessPool(max_workers=min(jobs, len(configs)), initializer=follow_parent, context=context)
        futures: list[ProcessFuture[tuple[str, float]]] = []
        try:
            for index, config in enumerate(configs):
                future = pool.schedule(_train_tracked, (config, experiment, parent_run_id, source, events))
                # Results join the workers' own events, so that there is one thing to wait for.
                future.add_done_callback(partial(_announce, events, index))
                futures.append(future)
            waiting = len(futures)
            while waiting:
                event = events.get()
                if isinstance(event, Progress):
                    yield event
                else:
                    waiting -= 1
                    yield _outcome(configs[event], futures[event])
        finally:
            for future in futures:
                future.cancel()  # type: ignore[no-untyped-call]  # or a worker that's being started could take the next run
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def follow_parent() -> None:
    """In a helper process: leave an interrupt to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _train_tracked(
    config: RunConfig, experiment: Experiment, parent_run_id: str, source: Source, events: "Queue[Progress | int]"
) -> tuple[str, float]:
    """Train one run in a worker, send its metrics to MLflow and its progress to the parent."""
    from plainres.data import dataset_of
    from plainres.training import train

    events.put(Progress(config, 0, float("nan"), float("nan")))
    client = experiment.client
    with tracked_run(experiment, config, dataset_of(config), parent_run_id, source) as run_id:
        for record in train(config):
            log_metrics(client, run_id, record.metrics, record.epoch)
            if record.diverged:
                client.set_tag(run_id, DIVERGED_TAG, record.epoch)
            if record.epoch > 0:
                events.put(
                    Progress(config, record.epoch, record.metrics["loss/train"], record.metrics["accuracy/train"])
                )
    return run_id, record.metrics["final/train_error"]


def _announce(events: "Queue[Progress | int]", index: int, _: "Future[object]") -> None:
    events.put(index)


def _outcome(config: RunConfig, future: "Future[tuple[str, float]]") -> Finished | Failed:
    error = future.exception()
    if error is None:
        return Finished(config, *future.result())
    lines = str(error).strip().splitlines() or [""]
    return Failed(config, f"{type(error).__name__}: {lines[0]}")
