"""A request to stop, as SIGTERM, heeded where a run can be left."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The run is to stop now."""


class StopSignal:
    """Which signal `came` since `listen`, 0 for none; `may_stop` raises Interrupted, at once if it came before."""

    def __init__(self) -> None:
        self.came = 0
        self._may_stop = False

    def listen(self) -> None:
        """Take SIGTERM as the request from now on."""
        signal.signal(signal.SIGTERM, self._take)

    @contextmanager
    def listening(self, numbers: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT)) -> Iterator[None]:
        """Take these signals as the request meanwhile; a second Ctrl-C raises KeyboardInterrupt at once."""
        before = {number: signal.signal(number, self._take) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def may_stop(self) -> Iterator[None]:
        """Around what may be left half done."""
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
