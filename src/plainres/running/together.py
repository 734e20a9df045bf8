"""Has the processes that torchrun starts train each run together; the first is the command.

It alone reads the store and writes to it. The others train along with it until it has no more runs.
"""

import os
import signal
import sys
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from plainres.data.shares import Share
from plainres.errors import ProcessesFail, first_line
from plainres.settings import RunConfig
from plainres.system.hardware import processes

if TYPE_CHECKING:  # it imports torch
    from plainres.training import Trainer
    from plainres.training.checkpoint import State

    Order = tuple[RunConfig, State | None]
    """A run, and the state from which it goes on."""

ONE_DAY = timedelta(days=1)  # others wait so long for the first, which stores a run and judges a sweep meanwhile
LOST = ("gloo", "NCCL", "Connection closed", "Connection reset")  # what torch says of it; it has no exception for that


def as_started(program: str) -> str:
    """Write a command as torchrun starts it, if it has."""
    if processes() == 1:
        return program
    return program.replace("python -m", f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']} -m")


def lead(trainer: "Trainer") -> None:
    """Have the other processes, if there are any, train along with this trainer from where it is."""
    if trainer.share.processes > 1:
        _broadcast((trainer.config, trainer.state_dict() if trainer.epoch else None))


def follow() -> int:
    """Train along in another process than the first, run after run, until that has no more; returns the exit code."""
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
        if isinstance(error, ProcessesFail) or not is_lost(str(error)):
            print(f"error: process {os.environ['RANK']}: {type(error).__name__}: {first_line(error)}", file=sys.stderr)
        return 1
    return 0


def release() -> None:
    """Let the other processes end, if there are any."""
    if processes() > 1:
        join()
        _broadcast(None)


def join() -> Share:
    """Connect all processes; returns the share that this one has of runs.

    Raises:
        ProcessesFail: they can't reach each other.
    """
    from torch import cuda, distributed

    if processes() == 1:
        return Share()
    if not distributed.is_initialized():
        if int(os.environ["LOCAL_RANK"]) < cuda.device_count():  # fewer may be there where runs are trained on CPUs
            cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo"
        try:
            distributed.init_process_group(backend, timeout=ONE_DAY)
        except RuntimeError as error:
            raise ProcessesFail(f"torchrun's processes can't reach each other: {first_line(error)}") from error
    return Share(distributed.get_rank(), distributed.get_world_size())


def _broadcast(order: "Order | None") -> "Order | None":
    """What the first process tells all."""
    from torch import device, distributed

    told = [order]
    distributed.broadcast_object_list(told, device=device("cpu"))
    return told[0]


def is_lost(text: str) -> bool:
    """Tell whether an error's text says that another process is lost."""
    return any(word in text for word in LOST)
