"""The time to completion, from the work done so far."""

import time
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heapreplace


class Clock:
    """Counts work in any unit, from its first moment on."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.done = 0.0

    def start(self) -> None:
        """Begin to count, unless it has begun already."""
        self.started = self.started or time.monotonic()

    def remaining(self, left: float) -> str:
        """The time that the work left takes, as `1:30 left`; empty before anything is done."""
        if self.started is None or self.done <= 0:
            return ""
        elapsed = time.monotonic() - self.started
        return f"{clock_time(elapsed * left / self.done)} left"


class WorkersClock:
    """Counts the seconds that each of several workers is at work, and what they have done, in any unit.

    Args:
        now: seconds from any moment on.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.done = 0.0
        self.workers = 0  # the most that were at work at a time
        self._at_work = 0
        self._busy = 0.0
        self._since = now()

    def change(self, more: int) -> None:
        """So many more workers are at work, or fewer."""
        self._pass()
        self._at_work += more
        self.workers = max(self.workers, self._at_work)

    def seconds_left(self, in_work: Sequence[float], waiting: Iterable[float]) -> float | None:
        """How long it takes until the last piece of work is done, each by one worker; None before anything is done.

        Args:
            in_work: what is left of each piece that is being worked on.
            waiting: the others, in the order in which workers that have become free take them.
        """
        self._pass()
        if self.done <= 0:
            return None
        free_after = [*in_work, *[0.0] * (self.workers - len(in_work))]
        heapify(free_after)
        for work in waiting:
            heapreplace(free_after, free_after[0] + work)
        return max(free_after) * self._busy / self.done

    def _pass(self) -> None:
        now = self.now()
        self._busy += self._at_work * (now - self._since)
        self._since = now


def clock_time(seconds: float) -> str:
    """Seconds as `1:30` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
