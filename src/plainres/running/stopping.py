"""A request to stop (SIGTERM), heeded where a run can be left."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The run is to stop now."""


class StopSignal:
    """Whether SIGTERM `came` since `listen`; inside `may_stop` it raises Interrupted, at once if it came before."""

    def __init__(self) -> None:
        self.came = False
        self._may_stop = False

    def listen(self) -> None:
        """Take SIGTERM as the request from now on."""
        signal.signal(signal.SIGTERM, self._take)

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

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._may_stop:
            self._may_stop = False  # once: what is done about it isn't to be stopped
            raise Interrupted
