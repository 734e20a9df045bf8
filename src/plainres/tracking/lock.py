"""One process at a time on this machine, for what a database can't be asked to guard: itself, or a name made once."""

import getpass
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from filelock import FileLock

from plainres.tracking.database import resolved


@contextmanager
def opening_store(uri: str) -> Iterator[None]:
    """Hold this user's lock of a store; the system frees it when the process dies."""
    folder = Path(gettempdir()) / f"plainres-{getattr(os, 'getuid', getpass.getuser)()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / f"{hashlib.sha256(resolved(uri).encode()).hexdigest()[:16]}.lock"):
        yield
