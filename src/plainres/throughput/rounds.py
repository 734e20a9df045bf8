"""Measuring loops in turn: each has processes of its own, which wait while another one is at work."""

import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from time import perf_counter

import torch

from plainres.config import RunConfig
from plainres.sweep.workers import follow_parent, worker_context

WARM_UP = 5  # steps, in which libraries choose their algorithms and a step is captured
FEWEST = 3  # steps that are timed together

Loop = Callable[[RunConfig], Iterator[int]]


class LoopFailed(Exception):
    """A loop that was to be measured ended; the message says which, and why."""


@dataclass(frozen=True)
class Contender:
    """A loop, trained by so many processes at once, each with the configuration's threads."""

    name: str
    loop: Loop
    config: RunConfig
    processes: int = 1


@dataclass
class Measurement:
    """What came of a contender: work a second in each round, of all its processes together, and their memory."""

    rates: list[float] = field(default_factory=list)
    peak_memory: int = 0
    """Bytes: the largest resident size of the processes, or on a GPU the most that torch has allocated there."""


def measure(contenders: Sequence[Contender], rounds: int, seconds: float) -> dict[str, Measurement]:
    """Measure contenders by turns, each for about so many seconds a round, in an order that alternates.

    Raises:
        LoopFailed: one of them ended.
    """
    teams = {of.name: [_Process(of, seconds) for _ in range(of.processes)] for of in contenders}
    measurements = {name: Measurement() for name in teams}
    try:
        for team in teams.values():
            for process in team:
                process.answer()  # it's ready
        for number in range(rounds):
            for name in list(teams)[:: 1 if number % 2 == 0 else -1]:
                for process in teams[name]:
                    process.connection.send("go")
                answers = [process.answer() for process in teams[name]]
                measurements[name].rates.append(sum(rate for rate, _ in answers))
                measurements[name].peak_memory = sum(memory for _, memory in answers)
    finally:
        for team in teams.values():
            for process in team:
                process.connection.close()  # at which it ends
    return measurements


class _Process:
    def __init__(self, contender: Contender, seconds: float) -> None:
        context = worker_context()
        self.name = contender.name
        self.connection, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, contender.loop, contender.config, seconds))  # type: ignore[attr-defined]
        process.start()
        theirs.close()

    def answer(self) -> tuple[float, int]:
        """Work a second, and bytes."""
        try:
            answer = self.connection.recv()
        except EOFError:
            raise LoopFailed(f"{self.name}: its process was killed") from None
        if isinstance(answer, str):
            raise LoopFailed(f"{self.name}: {answer}")
        rate, memory = answer
        return rate, memory


def _work(connection: Connection, loop: Loop, config: RunConfig, seconds: float) -> None:
    """In a contender's process: get ready, then time a block of steps whenever told to."""
    follow_parent()
    try:
        steps = loop(config)
        for _ in islice(steps, WARM_UP):
            pass
        _, spent = _timed(steps, FEWEST, config)
        count = max(FEWEST, round(seconds / (spent / FEWEST)))
        connection.send((0.0, 0))
        with suppress(EOFError):
            while connection.recv():
                work, spent = _timed(steps, count, config)
                connection.send((work / spent, _peak_memory(config)))
    except Exception as error:
        with suppress(OSError):
            connection.send(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def _timed(steps: Iterator[int], count: int, config: RunConfig) -> tuple[int, float]:
    """The work of so many steps and the seconds that they take: by events on the GPU, else by the clock."""
    if config.device == "cuda":
        started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        started.record()
        work = sum(islice(steps, count))
        ended.record()
        ended.synchronize()
        return work, started.elapsed_time(ended) / 1000
    begun = perf_counter()
    work = sum(islice(steps, count))
    if config.device == "mps":
        torch.mps.synchronize()
    return work, perf_counter() - begun


def _peak_memory(config: RunConfig) -> int:
    if config.device == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
