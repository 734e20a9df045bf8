"""The time to completion, from the work done so far."""

import time


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


def clock_time(seconds: float) -> str:
    """Seconds as `1:30` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
