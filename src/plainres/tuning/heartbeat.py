"""A trial's sign of life, so that others notice when its process is gone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from plainres.tuning.storage import HEARTBEAT_SECONDS


@contextmanager
def heartbeat(storage: RDBStorage, trial_id: int) -> Iterator[None]:
    """Record heartbeats from a thread; unlike Optuna's own, it outlives a database that is away for a moment."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                storage.record_heartbeat(trial_id)
            except StorageInternalError:
                continue
        storage.remove_session()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
