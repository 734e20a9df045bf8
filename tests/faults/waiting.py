"""Waiting for what another process is about to do."""

import time
from collections.abc import Callable


def eventually(what: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as this is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.05)
