"""Measuring loops in turn: each has processes of its own, which wait while another one is at work."""

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

from plainres.config import RunConfig
from plainres.sweep.workers import follow_parent, worker_context
from plainres.tracking.store import first_line

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
    """Bytes: the largest resident size of the processes, or on a GPU the most that torch has allocated there; 0 where
    it isn't known."""


def measure(contenders: Sequence[Contender], rounds: int, seconds: float) -> dict[str, Measurement]:
    """Measure contenders by turns, each for about so many seconds a round, in an order that alternates.

    Raises:
        LoopFailed: one of them ended.
    """
    teams: dict[str, _Team] = {}
    measurements = {of.name: Measurement() for of in contenders}
    try:
        for of in contenders:  # one after the other: while it gets ready, a team has the machine for itself
            teams[of.name] = _Team(of, seconds)
        for number in range(rounds):
            for name in list(teams)[:: 1 if number % 2 == 0 else -1]:
                answers = teams[name].turn()
                measurements[name].rates.append(sum(rate for rate, _ in answers))
                measurements[name].peak_memory = sum(memory for _, memory in answers)
    finally:
        for team in teams.values():
            team.end()
    return measurements


class _Team:
    """The processes of a contender, which all take as many steps a turn."""

    def __init__(self, of: Contender, seconds: float) -> None:
        context = worker_context()
        self.name = of.name
        self.connections: list[Connection] = []
        self.processes: list[BaseProcess] = []
        for _ in range(of.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, of.loop, of.config))  # type: ignore[attr-defined]
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)
        try:
            self.steps = max(FEWEST, round(seconds / max(self._answers())))
        except BaseException:
            self.end()
            raise

    def turn(self) -> list[tuple[float, int]]:
        """Work a second and bytes of each process."""
        for connection in self.connections:
            connection.send(self.steps)
        return self._answers()

    def end(self) -> None:
        """End the processes, at once if they are at work."""
        for connection, process in zip(self.connections, self.processes, strict=True):
            process.kill()
            process.join()
            connection.close()

    def _answers(self) -> list[Any]:
        answers = []
        for connection in self.connections:
            try:
                answers.append(connection.recv())
            except EOFError:
                raise LoopFailed(f"{self.name}: its process was killed") from None
            if isinstance(answers[-1], str):
                raise LoopFailed(f"{self.name}: {answers[-1]}")
        return answers


def _work(connection: Connection, loop: Loop, config: RunConfig) -> None:
    """In a contender's process: get ready, tell how long a step takes, then time so many whenever told to."""
    follow_parent()
    try:
        steps = loop(config)
        for _ in islice(steps, WARM_UP):
            pass
        _, seconds = _timed(steps, FEWEST, config)
        connection.send(seconds / FEWEST)
        while True:
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
