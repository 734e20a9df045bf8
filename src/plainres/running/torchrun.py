"""The processes that torchrun starts train each run together, one run after the other; the first is the command.

It alone reads the store and writes to it. The others train along with it until it has no more runs.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from plainres.data.share import Share
from plainres.errors import BadInput, ProcessesFail
from plainres.hardware import gpu_count, is_first, processes
from plainres.running.events import Failed, Stopped
from plainres.running.launcher import Died, Happening, Launcher, Returned, Task, Told
from plainres.running.stopping import StopSignal
from plainres.settings import RunConfig
from plainres.tracking.shown import first_line

if TYPE_CHECKING:  # it imports torch
    from plainres.training import Trainer
    from plainres.training.checkpoint import State

    Order = tuple[RunConfig, State | None]
    """A run, and the state from which it goes on."""

SECONDS_TO_WAIT = 1.0  # for something to happen
SECONDS_TO_STOP = 20  # torchrun kills what it has told to end after 30
PATIENCE = timedelta(days=1)  # of those who wait for the first, which stores a run and judges a sweep meanwhile
LOST = ("gloo", "NCCL", "Connection closed", "Connection reset")  # what torch says of it; it has no exception for that


def as_started(program: str) -> str:
    """A command as torchrun starts it, if it has."""
    if processes() == 1:
        return program
    return program.replace("python -m", f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']} -m")


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


def lead(trainer: "Trainer") -> None:
    """Have the other processes, if there are any, train along with this trainer from where it is."""
    if trainer.share.processes > 1:
        _broadcast((trainer.config, trainer.state_dict() if trainer.epoch else None))


def follow() -> int:
    """In another process than the first: train along, run after run, until it has no more; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        from plainres.training import Trainer

        import_module("torch._dynamo")  # optimizers do it late: here while the first process prepares itself
        share = join()
        for number in (signal.SIGINT, signal.SIGTERM):  # the first is told as well, and ends the connection
            signal.signal(number, signal.SIG_IGN)
        while (order := _broadcast(None)) is not None:
            config, state = order
            trainer = Trainer(config, share)
            if state:
                trainer.load_state_dict(state)
            for _ in trainer:
                pass
    except Exception as error:
        if not _lost(str(error)):
            print(f"error: process {os.environ['RANK']}: {type(error).__name__}: {first_line(error)}", file=sys.stderr)
        return 1
    return 0


def release() -> None:
    """Let the other processes end, if there are any."""
    if processes() > 1:
        join()
        _broadcast(None)


def join() -> Share:
    """The share that this process has of runs, once all processes are connected."""
    from torch import cuda, distributed

    if processes() == 1:
        return Share()
    if not distributed.is_initialized():
        if int(os.environ["LOCAL_RANK"]) < cuda.device_count():  # fewer may be there where runs are trained on CPUs
            cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo", timeout=PATIENCE)
    return Share(distributed.get_rank(), distributed.get_world_size())


def _broadcast(order: "Order | None") -> "Order | None":
    """What the first process tells all."""
    from torch import device, distributed

    told = [order]
    distributed.broadcast_object_list(told, device=device("cpu"))
    return told[0]


def _lost(text: str) -> bool:
    return any(word in text for word in LOST)


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
    try:
        value = task.call(tell=lambda message: happened.put(Told(task, message)), stop=stop)
    except Exception as error:
        happened.put(Died(task, f"{type(error).__name__}: {first_line(error)}"))
    else:
        happened.put(Returned(task, value))


def _check(happening: Happening) -> Happening:
    """Raise ProcessesFail for a task that failed."""
    if isinstance(happening, Died):
        raise ProcessesFail(happening.reason)
    end = happening.value if isinstance(happening, Returned) else None
    if isinstance(end, Failed) and not isinstance(end, Stopped):
        lost = f"one of the {processes()} processes is lost" if _lost(end.reason) else end.reason
        raise ProcessesFail(f"{end.config.name}: {lost}")
    return happening
