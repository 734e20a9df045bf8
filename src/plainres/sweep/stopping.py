"""A request to stop (SIGTERM), heeded where a run can be left."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The run is to stop now."""


class StopSignal:
    """Whether SIGTERM came while `listening`; inside `may_stop` it raises Interrupted, at once if it came before."""

    def __init__(self) -> None:
        self._came = False
        self._may_stop = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM as the request."""
        before = signal.signal(signal.SIGTERM, self._take)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    @contextmanager
    def may_stop(self) -> Iterator[None]:
        """Around what may be left half done."""
        self._may_stop = True
        try:
            if self._came:
                raise Interrupted
            yield
        finally:
            self._may_stop = False

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if self._may_stop:
            raise Interrupted
