"""Holds locks between the commands of one machine, each waited for with a word and not for ever."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from plainres.errors import BadInput

SECONDS_UNTIL_SAID = 10.0
SECONDS_TO_WAIT = 60.0  # after that: another command makes a database's tables meanwhile, which takes seconds


@contextmanager
def locked(path: Path, does: str) -> Iterator[None]:
    """Hold a lock, which the system frees when the process dies.

    Args:
        path: the lock's file.
        does: what another command does that holds it, as "is opening the store".

    Raises:
        BadInput: it holds it for more than a minute, as one that is stopped does.
    """
    lock = FileLock(path)
    try:
        try:
            held = lock.acquire(timeout=SECONDS_UNTIL_SAID)
        except Timeout:
            print(f"another command {does}: it is waited for ({path})", file=sys.stderr)
            held = lock.acquire(timeout=SECONDS_TO_WAIT)
    except Timeout as error:
        raise BadInput(f"another command {does} and doesn't get on: end it ({path})") from error
    with held:
        yield
