"""Takes requests to stop, as SIGTERM or Ctrl-C, and heeds them where work can be left."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
"""Requests to stop, the last one from a terminal that goes away."""


def is_heard(number: signal.Signals) -> bool:
    """Tell whether a signal isn't ignored, as nohup lets SIGHUP be."""
    return signal.getsignal(number) is not signal.SIG_IGN


def say_interrupts_in_a_line() -> None:
    """Have an interrupt end this process with a line and no traceback, while a command still imports.

    Python then ends with exit code 130.
    """
    sys.excepthook = _one_line


def _one_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


class Interrupted(BaseException):
    """Says that the run is to stop now."""


class StopSignal:
    """Notes which signal `came` since `listen`, 0 for none; it interrupts what `may_stop` surrounds."""

    def __init__(self) -> None:
        self.came = 0
        self._may_stop = False

    def listen(self) -> None:
        """Take SIGTERM as the request from now on."""
        signal.signal(signal.SIGTERM, self._take)

    @contextmanager
    def listening(self, numbers: Iterable[signal.Signals] = STOPS) -> Iterator[None]:
        """Take those signals as the request that aren't ignored; a second Ctrl-C raises KeyboardInterrupt at once."""
        before = {number: signal.signal(number, self._take) for number in numbers if is_heard(number)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def may_stop(self) -> Iterator[None]:
        """Surround what may be left half done; raises Interrupted when the request comes, at once if it has come."""
        self._may_stop = True
        try:
            if self.came:
                raise Interrupted
            yield
        finally:
            self._may_stop = False

    def heed(self) -> None:
        """Raise Interrupted if the request came, for a thread that no signal reaches."""
        if self.came:
            raise Interrupted

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self.came == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.came = self.came or number
        if self._may_stop:
            self._may_stop = False  # once: what is done about it isn't to be stopped
            raise Interrupted
