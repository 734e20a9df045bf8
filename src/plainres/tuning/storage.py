"""Where studies are stored: any database, opened so that many processes can share it, and checked before it is."""

import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput
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
from plainres.tracking.shown import first_line, without_credentials
from plainres.tracking.store import tracking_uri
from plainres.tuning.definition import StudyPlan, differences

if TYPE_CHECKING:  # imported where a storage is opened: a check does without
    from optuna import Study
    from optuna.storages import RDBStorage
    from sqlalchemy import Engine

DEFAULT_STORAGE = "sqlite:///studies/lr_batch_size.db"
HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 20  # without a heartbeat, after which a trial's process counts as dead
TRIES = 10

DEFINITION = "definition"
KEY = "key"  # tells studies of one name in two storages apart


def check_storage(url: str) -> None:
    """Return if the storage can be reached and written; nothing is written to find out.

    Raises:
        BadInput: it can't, or it could not be shared between processes.
    """
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
    """The storage, its tables made where they are missing; several processes may do so at once.

    Raises:
        BadInput: it is no storage of studies, or was made by another version of Optuna.
    """
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    from plainres.tuning.patient_storage import PatientStorage

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
                storage = (RDBStorage if of_file else PatientStorage)(
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
    return storage


def _lock_before_reading(engine: "Engine") -> None:
    """Let an SQLite transaction take the lock when it begins.

    SQLite has no SELECT FOR UPDATE, with which Optuna claims a trial: two workers could read that it waits, and both
    take it. https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes
    """
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def lock(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # of connections that were made before


@contextmanager
def existing_storage(url: str) -> "Iterator[RDBStorage | None]":
    """The storage meanwhile, if it holds studies' tables; nothing is made where it doesn't."""
    if OPTUNAS_TABLE not in tables_and_version(url)[0]:
        yield None
        return
    with opened_storage(url) as storage:
        yield storage


@contextmanager
def opened_storage(url: str) -> "Iterator[RDBStorage]":
    """As `open_storage`, and closed afterwards."""
    storage = open_storage(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def stored_attributes(storage: "RDBStorage | None") -> dict[str, dict[str, Any]]:
    """The attributes of all studies by their names."""
    return {} if storage is None else {study.study_name: study.user_attrs for study in storage.get_all_studies()}


def check_studies(plans: Sequence[StudyPlan], url: str) -> None:
    """Return if none of the studies exists with another definition; nothing is written to find out.

    Raises:
        BadInput: one does; says in what it differs.
    """
    with existing_storage(url) as storage:
        stored = stored_attributes(storage)
    for plan in plans:
        if plan.name in stored:
            check_definition(plan, stored[plan.name])


def open_studies(storage: "RDBStorage", plans: Sequence[StudyPlan]) -> None:
    """Make the studies that are missing, while other commands may do the same; raises as `check_studies`."""
    stored = stored_attributes(storage)
    for plan in plans:
        if DEFINITION in stored.get(plan.name, {}):
            check_definition(plan, stored[plan.name])
        else:
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
                check_definition(plan, study.user_attrs)
                return
            time.sleep(0.5)
    study.set_user_attr(KEY, uuid.uuid4().hex)
    study.set_user_attr(DEFINITION, plan.definition)


def check_definition(plan: StudyPlan, attributes: dict[str, Any]) -> None:
    """Raise BadInput if a study of the plan's name was defined otherwise."""
    differing = differences(attributes.get(DEFINITION, plan.definition), plan.definition)
    if differing:
        raise BadInput(
            f"study {plan.name} exists with another definition: {'; '.join(differing)}. "
            "Take the old one, or another --study-name"
        )


def load_study(storage: "RDBStorage", plan: StudyPlan, slot: int | None = None) -> "Study":
    """The study, for a trial in the given slot with a sampler that is seeded for it."""
    import optuna

    sampler: Any = None
    if slot is not None:
        seed = plan.draw_seed(slot)
        if plan.search.sampler == "tpe":
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        else:
            sampler = optuna.samplers.RandomSampler(seed=seed)
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
