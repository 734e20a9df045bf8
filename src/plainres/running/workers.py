"""Training runs side by side in worker processes, told as a stream of events."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from plainres.config import RunConfig
from plainres.machine_folders import shorten_socket_addresses
from plainres.running.events import Elsewhere, Event, Failed, Notice, Outcome, Progress
from plainres.running.job import Job

# What a worker comes to import: training, and what torch's optimizers, MLflow's database store and digits load late.
PRELOADED = [
    "plainres.running.tracked_run",
    "torch._dynamo",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.datasets",
]


def worker_context() -> BaseContext:
    """How worker processes start: forked from a server that has imported what they need, where the system can fork.

    A worker that takes another's place is then there at once.
    """
    shorten_socket_addresses()
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # Ctrl-C goes to every process of the terminal's group, and is for this one alone. What is blocked is so in the
    # server and in what it forks; the tracker that it starts first would unblock it.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def train_side_by_side(configs: Sequence[RunConfig], jobs: int, job: Job) -> Generator[Event, None, None]:
    """Train every configuration, `jobs` at a time, each tracked as a child of the job's parent run.

    Ends when every run has finished or failed; one that failed is tried once more, after the others. Closing the
    iterator, or an exception such as KeyboardInterrupt while it waits, makes the runs in flight write checkpoints and
    ends them as KILLED; an exception during that stops the workers at once.
    """
    crew = _Crew(configs, jobs, job)
    try:
        yield from crew.events()
    except BaseException:
        try:
            crew.stop()
        except KeyboardInterrupt as second:
            raise AtOnce from second
        raise
    finally:
        crew.end()


class AtOnce(KeyboardInterrupt):
    """A second interrupt, while the runs in flight were being stopped."""


class _Worker:
    """A process that trains one run after another, with a pipe of its own: no worker can hold up another."""

    def __init__(self, job: Job) -> None:
        context = worker_context()
        self.connection, theirs = context.Pipe()
        # Not a daemon: it has processes of its own where images are streamed. It ends with this one all the same.
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, job))  # type: ignore[attr-defined]
        self.process.start()
        theirs.close()  # so that the pipe ends with the process
        self.config: RunConfig | None = None

    def train(self, config: RunConfig, *, patient: bool) -> None:
        """Hand it a run."""
        self.config = config
        with suppress(OSError):  # it's dead: the pipe's end tells
            self.connection.send((config, patient))


class _Crew:
    """The workers of a sweep, and which runs are still to be handed to them."""

    def __init__(self, configs: Sequence[RunConfig], jobs: int, job: Job) -> None:
        self.job = job
        self.jobs = jobs
        self.waiting = deque((config, False) for config in configs)
        self.failed_once: set[RunConfig] = set()
        self.workers: list[_Worker] = []

    def events(self) -> Iterator[Event]:
        """What happens, until every run has ended."""
        while self._hand_out():
            for worker, message in self._messages():
                if isinstance(message, Progress | Notice):
                    yield message
                else:
                    yield from self._ended(worker, message)

    def stop(self) -> None:
        """Have the runs in flight write their checkpoints; returns when they have."""
        for worker in self.workers:
            if worker.process.pid:
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid, signal.SIGTERM)
        while any(worker.config for worker in self.workers):
            for worker, message in self._messages():
                if not isinstance(message, Progress | Notice):
                    worker.config = None

    def end(self) -> None:
        """End the workers, at once if they are at work."""
        for worker in self.workers:
            if worker.config:
                worker.process.kill()
            worker.connection.close()  # at which an idle worker ends
        for worker in self.workers:
            worker.process.join()

    def _hand_out(self) -> bool:
        """Give idle workers runs, hiring up to the number of jobs; whether any run is in flight."""
        while self.waiting:
            idle = next((worker for worker in self.workers if worker.config is None), None)
            if idle is None:
                if len(self.workers) == self.jobs:
                    break
                idle = _Worker(self.job)
                self.workers.append(idle)
            config, patient = self.waiting.popleft()
            idle.train(config, patient=patient)
        return any(worker.config for worker in self.workers)

    def _messages(self) -> Iterator[tuple[_Worker, Progress | Notice | Outcome]]:
        """Wait for messages, of which the end of a worker is one if it was at work."""
        ready = wait([worker.connection for worker in self.workers])
        for worker in [worker for worker in self.workers if worker.connection in ready]:
            try:
                yield worker, worker.connection.recv()
            except (EOFError, OSError):
                self._dismiss(worker)
                if worker.config:
                    yield worker, Failed(worker.config, f"its process ended with exit code {worker.process.exitcode}")

    def _ended(self, worker: _Worker, outcome: Outcome) -> Iterator[Event]:
        worker.config = None
        if isinstance(outcome, Failed):  # at which it ends
            self._dismiss(worker)
        if isinstance(outcome, Elsewhere):
            yield Notice(outcome.config, "another process trains it: its result is waited for")
            self.waiting.append((outcome.config, True))
        elif isinstance(outcome, Failed) and outcome.worth_a_retry and outcome.config not in self.failed_once:
            self.failed_once.add(outcome.config)
            yield Notice(outcome.config, f"{outcome.reason}; it is tried once more")
            self.waiting.append((outcome.config, True))
        else:
            yield outcome

    def _dismiss(self, worker: _Worker) -> None:
        """Wait for the end of a worker that ends by itself; another takes its place when there's a run for it."""
        if worker in self.workers:
            self.workers.remove(worker)
            worker.connection.close()
            worker.process.join()


def _work(connection: Connection, job: Job) -> None:
    """In a worker: train what comes through the pipe until it's closed, SIGTERM has come, or a run has failed.

    What failed may have left the process unusable, as an illegal access does on a GPU.
    """
    from plainres.running.stopping import StopSignal
    from plainres.running.tracked_run import train_run

    follow_parent()
    stop = StopSignal()
    stop.listen()
    with suppress(EOFError, OSError):
        while not stop.came:
            config, patient = connection.recv()
            outcome = train_run(config, job, connection.send, patient=patient, stop=stop)
            connection.send(outcome)
            if isinstance(outcome, Failed):
                return


def follow_parent() -> None:
    """In a helper process: leave an interrupt to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
