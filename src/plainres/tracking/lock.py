"""One process at a time on this machine, for what a database can't be asked to guard because it isn't there yet."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import gettempdir

SECONDS_TO_WAIT = 120


@contextmanager
def one_at_a_time(purpose: str) -> Iterator[None]:
    """Hold the lock of this purpose in the working folder, which also goes when the process is killed.

    It's SQLite's own lock on a file among the temporary ones: the same on every system.
    """
    key = hashlib.sha256(f"{Path.cwd()} {purpose}".encode()).hexdigest()[:16]
    path = Path(gettempdir()) / f"plainres-{key}.lock"
    with closing(sqlite3.connect(path, timeout=SECONDS_TO_WAIT, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
