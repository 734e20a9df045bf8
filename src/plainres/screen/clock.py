"""Tell how long work takes yet, from the work done so far."""

import time
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heapreplace


class Clock:
    """Counts the seconds that each of several workers is at work.

    Args:
        now: seconds from any moment on.
        at_work: how many workers are from the first moment on.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, at_work: int = 0) -> None:
        self.now = now
        self.workers = self._at_work = at_work  # the first is the most that were at work at a time
        self._busy = 0.0
        self._since = now()

    def seconds_left(self, done: float, in_work: Sequence[float], waiting: Iterable[float] = ()) -> float | None:
        """Return how long it takes until the last piece of work is done, each by one worker; None before any is.

        Args:
            done: the work done since the first moment, in any unit.
            in_work: what is left of each piece that a worker is at from now on.
            waiting: the others, in the order in which workers that have become free take them.
        """
        now = self.now()
        self._busy += self._at_work * (now - self._since)
        self._since, self._at_work = now, len(in_work)
        self.workers = max(self.workers, self._at_work)
        if done <= 0:
            return None
        free_after = [*in_work, *[0.0] * (self.workers - len(in_work))]
        heapify(free_after)
        for work in waiting:
            heapreplace(free_after, free_after[0] + work)
        return max(free_after) * self._busy / done


def time_left(seconds: float | None) -> str:
    """Write seconds as `1:30 left`, and None as nothing."""
    return "" if seconds is None else f"{clock_time(seconds)} left"


def clock_time(seconds: float) -> str:
    """Write seconds as `1:30` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
