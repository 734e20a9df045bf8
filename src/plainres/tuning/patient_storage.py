"""Optuna's storage in a database on a server, whose calls outlast a connection that is cut."""

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

PATIENCE = 60.0  # seconds that a database may be away
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds

Value = TypeVar("Value")


def keep_calling(call: Callable[[], Value], patience: float = PATIENCE) -> Value:
    """The value of a call to a database, made again while its connection is cut or refused.

    Raises:
        StorageInternalError, DBAPIError: it still was after `patience` seconds, or something else is wrong.
    """
    deadline, wait = time.monotonic() + patience, FIRST_WAIT
    while True:
        try:
            return call()
        except (StorageInternalError, DBAPIError) as error:
            if not _is_cut(error) or time.monotonic() + wait > deadline:
                raise
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


class PatientStorage(RDBStorage):
    """As RDBStorage; a call whose connection was cut is made again.

    A commit may have arrived although its answer did not. What is made twice then does no harm: values are set to what
    they are, a trial too many is beyond the budget, and one that was claimed twice shows no sign of life and is queued
    again.
    """

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Set a trial's state; a second try finds it set if the first one arrived."""
        tries = 0

        def try_once() -> bool:
            nonlocal tries
            tries += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                if tries > 1 and self.get_trial(trial_id).state == state:
                    return True
                raise

        return keep_calling(try_once)


def _is_cut(error: BaseException | None) -> bool:
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return error is not None and _is_cut(error.__cause__)


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        return keep_calling(lambda: method(*arguments, **named))

    return call


for _name in {*BaseStorage.__abstractmethods__, "record_heartbeat", "_get_stale_trial_ids", "_get_trials"}:
    if _name not in vars(PatientStorage):
        setattr(PatientStorage, _name, _patient(getattr(RDBStorage, _name)))
