"""Training runs side by side in worker processes, told as a stream of events."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from multiprocessing.context import BaseContext
from multiprocessing.managers import SyncManager
from multiprocessing.synchronize import Event as Flag
from queue import Queue

import joblib
from pebble import ProcessFuture, ProcessPool

from plainres.config import RunConfig
from plainres.sweep.events import Elsewhere, Event, Failed, Finished, Notice, Outcome, Progress, Started, Stopped
from plainres.sweep.job import Job

Message = Started | Progress | Notice | int  # the index of a run that ended

# What a worker comes to import: training, and what torch's optimizers, MLflow's database store and digits load late.
PRELOADED = [
    "plainres.sweep.run_training",
    "torch._dynamo",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.datasets",
]

_stop: Flag  # in a worker: the sweep is being stopped


def default_jobs(device: str, threads: int) -> int:
    """How many runs to train side by side: as many as the cores that this process may use hold, one on a GPU."""
    return max(1, joblib.cpu_count() // threads) if device == "cpu" else 1


def worker_context() -> BaseContext:
    """How worker processes start: forked from a server that has imported what they need, where the system can fork.

    A worker that takes another's place is then there at once.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def train_side_by_side(configs: Sequence[RunConfig], jobs: int, job: Job) -> Iterator[Event]:
    """Train every configuration, `jobs` at a time, each tracked as a child of the job's parent run.

    Ends when every run has finished or failed; one that failed is tried once more, after the others. Closing the
    iterator, or an exception such as KeyboardInterrupt while it waits, makes the runs in flight write checkpoints and
    ends them as KILLED; an exception during that stops the workers at once.
    """
    if not configs:
        return
    context = worker_context()
    manager = SyncManager(ctx=context)
    manager.start(_begin_manager)
    with manager:
        sweep = _Sweep(configs, min(jobs, len(configs)), job, context, manager.Queue())
        try:
            yield from sweep.events()
        except BaseException:
            sweep.stop()
            raise
        finally:
            sweep.close()


class _Sweep:
    """The runs of one sweep: which are in flight, in which process, and which try it is."""

    def __init__(
        self,
        configs: Sequence[RunConfig],
        jobs: int,
        job: Job,
        context: BaseContext,
        queue: "Queue[Message]",
    ) -> None:
        self.configs = configs
        self.job = job
        self.queue = queue
        self.flag = context.Event()
        self.pool = ProcessPool(max_workers=jobs, initializer=_begin_worker, initargs=(self.flag,), context=context)
        self.futures: dict[int, ProcessFuture[Outcome]] = {}
        self.failed_once: set[int] = set()
        self.pids: dict[RunConfig, int] = {}
        for index in range(len(configs)):
            self._schedule(index, patient=False)

    def events(self) -> Iterator[Event]:
        """What happens, until every run has ended."""
        while self.futures:
            event = self.queue.get()
            if isinstance(event, Started):
                self.pids[event.config] = event.pid
            elif isinstance(event, Progress | Notice):
                yield event
            else:
                yield from self._ended(event)

    def stop(self) -> None:
        """Have the runs in flight write their checkpoints, and no other begin; returns when they have."""
        self.flag.set()
        for pid in self.pids.values():
            _signal(pid, signal.SIGTERM)
        while self.futures:
            event = self.queue.get()
            if isinstance(event, Started):
                _signal(event.pid, signal.SIGTERM)
            elif isinstance(event, int):
                del self.futures[event]

    def close(self) -> None:
        """End the workers, at once if they are at work."""
        if self.futures:
            for pid in self.pids.values():
                _signal(pid, signal.SIGKILL)
        self.pool.stop()  # type: ignore[no-untyped-call]
        self.pool.join()

    def _schedule(self, index: int, *, patient: bool) -> None:
        future = self.pool.schedule(_train, (self.configs[index], self.job, patient, self.queue))
        self.futures[index] = future
        # Results join the workers' own events, so that there is one thing to wait for.
        future.add_done_callback(partial(_announce, self.queue, index))

    def _ended(self, index: int) -> Iterator[Event]:
        config = self.configs[index]
        outcome = _outcome(config, self.futures.pop(index))
        self.pids.pop(config, None)
        if isinstance(outcome, Elsewhere):
            yield Notice(config, "another process trains it: its result is waited for")
            self._schedule(index, patient=True)
        elif isinstance(outcome, Finished):
            yield outcome
        elif outcome.worth_a_retry and index not in self.failed_once:
            self.failed_once.add(index)
            yield Notice(config, f"{outcome.reason}; it is tried once more")
            self._schedule(index, patient=True)
        else:
            yield outcome


def _begin_worker(flag: Flag) -> None:
    global _stop
    _stop = flag
    follow_parent()


def _begin_manager() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent to all processes of a job, it must not take the messages away
    follow_parent()


def follow_parent() -> None:
    """In a helper process: leave an interrupt to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _train(config: RunConfig, job: Job, patient: bool, queue: "Queue[Message]") -> Outcome:
    """In a worker: train one run."""
    from plainres.sweep.run_training import train_run
    from plainres.sweep.stopping import StopSignal

    stop = StopSignal()
    with stop.listening():
        queue.put(Started(config, os.getpid()))  # from here on SIGTERM stops the run
        if _stop.is_set():
            return Stopped(config)
        return train_run(config, job, queue.put, patient=patient, stop=stop)


def _announce(queue: "Queue[Message]", index: int, _: "Future[object]") -> None:
    with suppress(OSError, EOFError):  # the sweep is over
        queue.put(index)


def _outcome(config: RunConfig, future: "Future[Outcome]") -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    return Failed(config, f"its process ended: {str(error).partition(chr(10))[0] or type(error).__name__}")


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
