"""Carries out tasks in worker processes of this machine, each on a GPU of its own where there are several."""

import os
import signal
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from plainres.launchers.launcher import AtOnce, Died, Happening, Launcher, Task, Told, outcome_of
from plainres.running.events import Failed
from plainres.system.hardware import gpu_count
from plainres.system.processes import follow_parent, gpu_of, without_main, worker_context
from plainres.system.stopping import StopSignal

SECONDS_TO_WAIT = 1.0  # for something to happen


@dataclass
class LocalLauncher(Launcher):
    """Employs so many worker processes, each of which carries out one task after another."""

    jobs: int

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """See `Launcher`."""
        crew = _Crew(tasks, self.jobs)
        try:
            yield from crew.happenings()
        except BaseException:
            try:
                crew.stop()
            except KeyboardInterrupt as second:
                raise AtOnce from second
            raise
        finally:
            crew.end()


class _Worker:
    """A process that carries out tasks, with a pipe of its own: no worker can hold up another."""

    def __init__(self, place: int, gpus: int) -> None:
        context = worker_context()
        self.place = place
        self.connection, theirs = context.Pipe()
        # Not a daemon: it has processes of its own where images are streamed. It ends with this one all the same.
        arguments = theirs, gpu_of(place, gpus, os.environ)
        self.process: BaseProcess = context.Process(target=_work, args=arguments)  # type: ignore[attr-defined]
        with without_main():
            self.process.start()
        theirs.close()  # so that the pipe ends with the process
        self.task: Task | None = None

    def begin(self, task: Task) -> None:
        """Hand it a task."""
        self.task = task
        with suppress(OSError):  # it's dead: the pipe's end tells
            self.connection.send(task.call)


class _Crew:
    """The workers of one launch, and which tasks are still to be handed to them."""

    def __init__(self, waiting: deque[Task], jobs: int) -> None:
        self.waiting = waiting
        self.jobs = jobs
        self.gpus = gpu_count()
        self.workers: list[_Worker] = []

    def happenings(self) -> Iterator[Happening | None]:
        """What happens, until every task has ended."""
        while self._hand_out():
            happened: list[Happening | None] = list(self._happenings())
            yield from happened or [None]

    def stop(self) -> None:
        """Have the tasks in flight leave their work in order; returns when they have."""
        for worker in self.workers:
            if worker.process.pid:
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid, signal.SIGTERM)
        while any(worker.task for worker in self.workers):
            for _ in self._happenings():
                pass

    def end(self) -> None:
        """End the workers, at once if they are at work."""
        for worker in self.workers:
            if worker.task:
                worker.process.kill()
            worker.connection.close()  # at which an idle worker ends
        for worker in self.workers:
            worker.process.join()

    def _hand_out(self) -> bool:
        """Give idle workers tasks, hiring up to the number of jobs; whether any task is in flight."""
        while self.waiting:
            idle = next((worker for worker in self.workers if worker.task is None), None)
            if idle is None:
                if len(self.workers) == self.jobs:
                    break
                places = {worker.place for worker in self.workers}
                idle = _Worker(min(set(range(self.jobs)) - places), self.gpus)
                self.workers.append(idle)
            idle.begin(self.waiting.popleft())
        return any(worker.task for worker in self.workers)

    def _happenings(self) -> Iterator[Happening]:
        """What happens next, if anything does before long: a worker's end too, if it was at work."""
        ready = wait([worker.connection for worker in self.workers], SECONDS_TO_WAIT)
        for worker in [worker for worker in self.workers if worker.connection in ready]:
            task = worker.task
            try:
                kind, content = worker.connection.recv()
            except (EOFError, OSError):
                self._dismiss(worker)
                kind, content = Died, f"its process ended with exit code {worker.process.exitcode}"
            else:
                if _is_last(kind, content):
                    self._dismiss(worker)
            if kind is not Told:
                worker.task = None
            if task:
                yield kind(task, content)

    def _dismiss(self, worker: _Worker) -> None:
        """Wait for the end of a worker that ends by itself; another takes its place when there's a task for it."""
        self.workers.remove(worker)
        worker.connection.close()
        worker.process.join()


def _is_last(kind: type[Happening], content: object) -> bool:
    """Whether a worker ends with this: what failed may have left it unusable, as an illegal access does on a GPU."""
    return kind is Died or isinstance(content, Failed)


def _work(connection: Connection, environment: dict[str, str]) -> None:
    """In a worker: carry out what comes through the pipe until it's closed, SIGTERM has come, or a task has failed."""
    os.environ.update(environment)  # before CUDA looks at it
    follow_parent()
    stop = StopSignal()
    stop.listen()

    def send(kind: type[Happening], content: object) -> None:
        with suppress(OSError):  # who would read it is gone, and so is this process in a moment
            connection.send((kind, content))

    with suppress(EOFError, OSError):
        while not stop.came:
            kind, content = outcome_of(connection.recv(), tell=partial(send, Told), stop=stop)
            send(kind, content)
            if _is_last(kind, content):
                return
