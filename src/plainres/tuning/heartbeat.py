"""A trial's sign of life, so that others notice when its process is gone."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from plainres.system.periodic import repeated
from plainres.tuning.storage import HEARTBEAT_SECONDS


@contextmanager
def heartbeat(storage: RDBStorage, trial_id: int) -> Iterator[None]:
    """Record heartbeats from a thread; unlike Optuna's own, it outlives a database that is away for a moment."""

    def beat() -> None:
        with suppress(StorageInternalError):
            storage.record_heartbeat(trial_id)
        storage.remove_session()  # of the thread

    with repeated(beat, HEARTBEAT_SECONDS):
        yield
