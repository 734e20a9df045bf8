"""Has torchrun's processes train runs together, one after the other."""

import os
import signal
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from plainres.errors import BadInput, ProcessesFail
from plainres.launchers.launcher import Died, Happening, Launcher, Returned, Task, Told, outcome_of
from plainres.running.events import Failed, Stopped
from plainres.running.together import is_lost, join
from plainres.system.hardware import gpu_count, is_first, processes
from plainres.system.stopping import StopSignal

SECONDS_TO_WAIT = 1.0  # for something to happen
SECONDS_TO_STOP = 20  # torchrun kills what it has told to end after 30


def check_together(device: str, jobs: int | None) -> None:
    """Raise BadInput if the processes that there are can't train runs on this device, or not so many at a time."""
    if processes() == 1:
        return
    if not is_first():
        raise BadInput("a script isn't for torchrun, which starts it several times: -m experiments.degradation is")
    if jobs is not None and jobs > 1:
        raise BadInput(f"torchrun's {processes()} processes train one run after the other: leave out --jobs {jobs}")
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda" and here > gpu_count():
        raise BadInput(f"{here} processes need a GPU each, and there are {gpu_count()}: torchrun --nproc-per-node")


@dataclass
class TogetherLauncher(Launcher):
    """Carries out one task after another in this process, in a thread; `lead` takes the other processes along."""

    jobs: int = 1

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """See `Launcher`.

        Raises:
            ProcessesFail: a task failed: the processes no longer know of each other where they are.
        """
        join()
        stop = StopSignal()
        while tasks:
            task = tasks.popleft()
            happened: SimpleQueue[Happening] = SimpleQueue()
            thread = Thread(target=_carry_out, args=(task, happened, stop), daemon=True)
            thread.start()
            try:
                while True:
                    happening = None
                    with suppress(Empty):
                        happening = _check(happened.get(timeout=SECONDS_TO_WAIT))
                    yield happening
                    if isinstance(happening, Returned):
                        break
            except BaseException:
                for number in (signal.SIGINT, signal.SIGTERM):  # torchrun may send on what has come already
                    signal.signal(number, signal.SIG_IGN)
                stop.came = signal.SIGTERM
                thread.join(SECONDS_TO_STOP)
                while not happened.empty():
                    _check(happened.get())
                raise


def _carry_out(task: Task, happened: "SimpleQueue[Happening]", stop: StopSignal) -> None:
    kind, content = outcome_of(task.call, tell=lambda message: happened.put(Told(task, message)), stop=stop)
    happened.put(kind(task, content))


def _check(happening: Happening) -> Happening:
    """Raise ProcessesFail for a task that failed."""
    if isinstance(happening, Died):
        raise ProcessesFail(happening.reason)
    end = happening.value if isinstance(happening, Returned) else None
    if isinstance(end, Failed) and not isinstance(end, Stopped):
        lost = f"one of the {processes()} processes is lost" if is_lost(end.reason) else end.reason
        raise ProcessesFail(f"{end.config.name}: {lost}")
    return happening
