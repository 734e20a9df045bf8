"""Doing something every few seconds, beside something else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(action: Callable[[], None], seconds: float, *, seconds_to_end: float | None = None) -> Iterator[None]:
    """Call `action` every so many seconds meanwhile, in a thread; at the end wait for a call that is under way.

    Args:
        action: what is done; it raises nothing.
        seconds: between two calls, and before the first.
        seconds_to_end: how long the end waits; None for as long as the call takes.
    """
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(seconds_to_end)
