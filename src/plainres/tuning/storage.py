"""Opens the database that studies are stored in, so that many processes can share it, and checks it before."""

import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from plainres.errors import BadInput, first_line, without_credentials
from plainres.tracking.database import (
    MLFLOWS_TABLE,
    OPTUNAS_TABLE,
    SECONDS_TO_LOCK,
    check_database,
    is_sqlite,
    resolved,
    sqlite_path,
    tables_and_version,
)
from plainres.tracking.store import tracking_uri
from plainres.tuning.definition import StudyPlan, differences

if TYPE_CHECKING:  # imported where a storage is opened: a check does without
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import TrialState
    from sqlalchemy import Engine

DEFAULT_STORAGE = "sqlite:///studies/lr_batch_size.db"
HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 20  # without a heartbeat, after which a trial's process may be dead
TRIES = 10
SECONDS_TO_RECONNECT = 60.0  # to a database on a server
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds between two tries

DEFINITION = "definition"
KEY = "key"  # tells studies of one name in two storages apart

Value = TypeVar("Value")


def check_storage(url: str) -> None:
    """Raise BadInput if the storage can't be reached, written or shared by processes; nothing is written for that."""
    if "://" not in url:
        raise BadInput(f"storage {url!r} is no database's URL, as sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    if resolved(url) == resolved(tracking_uri()):
        raise BadInput(f"storage {without_credentials(url)} is MLflow's database: studies need another one")
    if resolved(url) == resolved(DEFAULT_STORAGE) and not sqlite_path(url).parent.exists():
        return
    check_database(url, "storage")
    tables, _ = tables_and_version(url)
    if tables and OPTUNAS_TABLE not in tables:
        whose = "MLflow's runs" if MLFLOWS_TABLE in tables else "another program's tables"
        raise BadInput(f"storage {without_credentials(url)} holds {whose}: studies need a database of their own")


def open_storage(url: str) -> "RDBStorage":
    """Open the storage, and make its tables where they are missing; several processes may do so at once.

    Raises:
        BadInput: it is no storage of studies, or was made by another version of Optuna.
    """
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    of_file = is_sqlite(url)
    if resolved(url) == resolved(DEFAULT_STORAGE):
        sqlite_path(url).parent.mkdir(exist_ok=True)
    arguments: dict[str, Any] = {"timeout": SECONDS_TO_LOCK} if of_file else {}
    whole = False  # whether its tables had been made when the last try failed
    for attempt in range(1, TRIES + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                storage = RDBStorage(
                    url,
                    engine_kwargs={"connect_args": arguments, "pool_pre_ping": True},
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                )
            break
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, AssertionError) as error:
            # Another process may be making the same tables.
            if attempt == TRIES or whole:
                reason = f"{type(error).__name__}: {first_line(error)}"
                raise BadInput(f"storage {without_credentials(url)} can't hold studies: {reason}") from error
            whole = isinstance(error, RuntimeError) and bool(tables_and_version(url)[1])
            time.sleep(0.2 * attempt)
    if of_file:
        _lock_before_reading(storage.engine)
    else:
        _outlast_cuts(storage)
    _ask_twice_for_the_dead(storage)
    return storage


def _lock_before_reading(engine: "Engine") -> None:
    """Let an SQLite transaction take the lock when it begins.

    SQLite has no SELECT FOR UPDATE, with which Optuna claims a trial: two workers could read that it waits, and both
    take it. https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes
    """
    from sqlalchemy import event

    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    engine.dispose()  # of connections that were made before


def _outlast_cuts(storage: "RDBStorage") -> None:
    """Let the storage make a call again whose connection was cut; its pool replaces only those cut between two calls.

    A commit may have arrived although its answer did not. What is made twice then does no harm: values are set to what
    they are, a trial too many is beyond the budget, and one that was claimed twice shows no sign of life and is queued
    again.
    """
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.storages import BaseStorage

    set_once = storage.set_trial_state_values

    def set_state(trial_id: int, state: "TrialState", values: Sequence[float] | None = None) -> bool:
        """Set a trial's state; a second try finds it set if the first one arrived."""
        tries = count(1)

        def try_once() -> bool:
            number = next(tries)
            try:
                return set_once(trial_id, state, values)
            except UpdateFinishedTrialError:
                if number == 1 or storage.get_trial(trial_id).state != state:
                    raise
                return True

        return keep_calling(try_once)

    called_by_optunas_cache = {"_create_new_trial", "_get_stale_trial_ids", "_get_trials", "_set_trial_param"}
    names = {*BaseStorage.__abstractmethods__, "record_heartbeat", *called_by_optunas_cache}
    patient = {name: partial(keep_calling, getattr(storage, name)) for name in names}
    vars(storage).update(patient, set_trial_state_values=set_state)


def _ask_twice_for_the_dead(storage: "RDBStorage") -> None:
    """Let a trial count as dead that shows no heartbeat between two looks, by this process's clock.

    Optuna compares its last heartbeat with the database's clock, which for a file is this machine's: where that is set
    forward, every trial would be dead until its next heartbeat.
    """
    ask, silent = storage._get_stale_trial_ids, dict[int, dict[int, float]]()

    def dead(study_id: int) -> list[int]:
        now, before = time.monotonic(), silent.get(study_id, {})
        silent[study_id] = {trial: before.get(trial, now) for trial in ask(study_id)}
        return [trial for trial, since in silent[study_id].items() if now - since > 2 * HEARTBEAT_SECONDS]

    vars(storage).update(_get_stale_trial_ids=dead)


def keep_calling(
    call: Callable[..., Value], *arguments: Any, patience: float = SECONDS_TO_RECONNECT, **named: Any
) -> Value:
    """Call a database, again while its connection is cut or refused.

    Raises:
        StorageInternalError, SQLAlchemyError: it still was after `patience` seconds, or something else is wrong.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import InterfaceError, OperationalError

    cuts = OperationalError, InterfaceError
    deadline, wait = time.monotonic() + patience, FIRST_WAIT
    while True:
        try:
            return call(*arguments, **named)
        except (StorageInternalError, *cuts) as error:
            is_cut = isinstance(error, cuts) or isinstance(error.__cause__, cuts)
            if not is_cut or time.monotonic() + wait > deadline:
                raise
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def existing_storage(url: str) -> "AbstractContextManager[RDBStorage | None]":
    """Open the storage if it holds studies' tables, as `opened_storage`; nothing is made where it doesn't."""
    return opened_storage(url) if OPTUNAS_TABLE in tables_and_version(url)[0] else nullcontext()


@contextmanager
def opened_storage(url: str) -> "Iterator[RDBStorage]":
    """Open the storage as `open_storage` does, and close it afterwards."""
    storage = open_storage(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def stored_attributes(storage: "RDBStorage | None") -> dict[str, dict[str, Any]]:
    """Read the attributes of all studies, by their names."""
    return {study.study_name: study.user_attrs for study in storage.get_all_studies()} if storage else {}


def check_studies(plans: Sequence[StudyPlan], url: str) -> None:
    """Raise BadInput if one of the studies exists with another definition; nothing is written to find out."""
    with existing_storage(url) as storage:
        stored = stored_attributes(storage)
    for plan in plans:
        _check_definition(plan, stored.get(plan.name, {}))


def open_studies(storage: "RDBStorage", plans: Sequence[StudyPlan]) -> None:
    """Make the studies that are missing, while other commands may do the same; raises as `check_studies`."""
    stored = stored_attributes(storage)
    for plan in plans:
        attributes = stored.get(plan.name, {})
        _check_definition(plan, attributes)
        if DEFINITION not in attributes:
            _make_study(storage, plan)


def _make_study(storage: "RDBStorage", plan: StudyPlan) -> None:
    import optuna

    try:
        study = optuna.create_study(storage=storage, study_name=plan.name, direction="minimize")
    except optuna.exceptions.DuplicatedStudyError:
        # Another process is making it. Should it have died in between, its work is taken over.
        study = optuna.load_study(study_name=plan.name, storage=storage)
        for _ in range(TRIES):
            if DEFINITION in study.user_attrs:
                _check_definition(plan, study.user_attrs)
                return
            time.sleep(0.5)
    study.set_user_attr(KEY, uuid.uuid4().hex)
    study.set_user_attr(DEFINITION, plan.definition)


def _check_definition(plan: StudyPlan, attributes: dict[str, Any]) -> None:
    """Raise BadInput if a study of the plan's name was defined otherwise."""
    differing = differences(attributes.get(DEFINITION, plan.definition), plan.definition)
    if differing:
        raise BadInput(
            f"study {plan.name} exists with another definition: {'; '.join(differing)}. "
            "Take the old one, or another --study-name"
        )


def load_study(storage: "RDBStorage", plan: StudyPlan, slot: int | None = None) -> "Study":
    """Load the study; for a trial in the given slot with a sampler that is seeded for it."""
    import optuna

    seed = None if slot is None else plan.draw_seed(slot)
    sampler = (
        optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if plan.search.sampler == "tpe"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    study = optuna.load_study(study_name=plan.name, storage=storage, sampler=sampler, pruner=_pruner(plan))
    study.get_trials(deepcopy=False)  # Optuna's cache has to know a trial before its parameters can be set
    return study


def _pruner(plan: StudyPlan) -> Any:
    from optuna import pruners

    match plan.search.pruner:
        case "median":
            return pruners.MedianPruner(n_warmup_steps=plan.pruner_warmup)
        case "hyperband":
            warmup, epochs = max(1, plan.pruner_warmup), plan.config.epochs
            return pruners.HyperbandPruner(min_resource=warmup, max_resource=epochs)
        case _:
            return pruners.NopPruner()
