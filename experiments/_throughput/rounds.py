"""Measuring loops in turn: one after the other has the machine, each time in new processes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Any

import torch

from plainres.errors import first_line
from plainres.explain.step_times import WARM_UP
from plainres.settings import RunConfig
from plainres.system.processes import follow_parent, worker_context

FEWEST = 3  # steps that are timed together
SECONDS_TO_END = 5  # that a process has, and those that load its images with it, when it has told all

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
    """Bytes: the largest resident size of the processes, or on a GPU the most that torch has allocated there; 0 where
    it isn't known."""


def measure(contenders: Sequence[Contender], rounds: int, seconds: float) -> dict[str, Measurement]:
    """Measure contenders by turns, each for about so many seconds a round, in an order that alternates.

    Every turn has new processes: two of the same loop differ by some per cent, for as long as they live.

    Raises:
        LoopFailed: one of them ended.
    """
    measurements = {of.name: Measurement() for of in contenders}
    for number in range(rounds):
        for of in contenders[:: 1 if number % 2 == 0 else -1]:
            rates, memory = zip(*_turn(of, seconds), strict=True)
            measurements[of.name].rates.append(sum(rates))
            measurements[of.name].peak_memory = max(sum(memory), measurements[of.name].peak_memory)
    return measurements


def _turn(of: Contender, seconds: float) -> list[tuple[float, int]]:
    """Work a second, and bytes, of each of a contender's processes, which all take as many steps."""
    processes = [_Process(of) for _ in range(of.processes)]
    try:
        steps = max(FEWEST, round(seconds / max(process.answer() for process in processes)))
        for process in processes:
            process.connection.send(steps)
        return [process.answer() for process in processes]
    finally:
        for process in processes:
            process.end()


class _Process:
    """A process that gets ready, tells how long a step takes, and then times so many steps."""

    def __init__(self, of: Contender) -> None:
        context = worker_context()
        self.name = of.name
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, of.loop, of.config))  # type: ignore[attr-defined]
        self.process.start()
        theirs.close()

    def answer(self) -> Any:
        """What it tells next."""
        try:
            answer = self.connection.recv()
        except EOFError:
            raise LoopFailed(f"{self.name}: its process was killed") from None
        if isinstance(answer, str):
            raise LoopFailed(f"{self.name}: {answer}")
        return answer

    def end(self) -> None:
        """Let it end by itself, as it does when it has told all; else kill it."""
        self.connection.close()
        self.process.join(SECONDS_TO_END)
        self.process.kill()
        self.process.join()


def _work(connection: Connection, loop: Loop, config: RunConfig) -> None:
    """In a contender's process: what `_Process` says; an error is told as text."""
    follow_parent()
    try:
        steps = loop(config)
        for _ in islice(steps, WARM_UP[config.device]):
            pass
        _, seconds = _timed(steps, FEWEST, config)
        connection.send(seconds / FEWEST)
        work, seconds = _timed(steps, connection.recv(), config)
        connection.send((work / seconds, _peak_memory(config)))
    except Exception as error:
        with suppress(OSError):
            connection.send(f"{type(error).__name__}: {first_line(error)}")


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
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
