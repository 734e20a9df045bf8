"""Keeps Python from looking for garbage while what is made stays, and when the process is about to end."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Surround imports, and what makes much else that stays: looking for garbage in it takes a fifth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def end_uncollected() -> None:
    """Have this process end without looking for cycles in all that it imported, which takes a second."""
    atexit.register(_freeze)


def _freeze() -> None:
    if "triton" not in sys.modules:  # it complains of what isn't freed
        gc.freeze()
