"""Employs workers that share studies: each claims trials until none is left, and is replaced should it die."""

import hashlib
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import optuna
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from optuna import Study, Trial
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from plainres.errors import StoreAway, StudiesFail
from plainres.launchers.launcher import Died, Launcher, Returned, Task, Told
from plainres.names import TRIAL_TAG
from plainres.running.events import Failed, Outcome, Stopped
from plainres.running.folders import Job
from plainres.system.processes import repeated
from plainres.system.stopping import Interrupted, StopSignal
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import set_status
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import claim, deaths_of, queue_again
from plainres.tuning.state import WORKER, look
from plainres.tuning.storage import HEARTBEAT_SECONDS, load_study, opened_storage

SECONDS_BETWEEN_CLAIMS = 1.0
DEATHS_WITHOUT_A_TRIAL = 3  # in a row, after which something other than a trial kills workers


@dataclass(frozen=True)
class Order:
    """Tells a worker which studies to work on, how many trials each has, and where they are tracked."""

    storage_url: str
    plans: tuple[StudyPlan, ...]
    budget: int
    jobs: dict[str, Job]
    """By the study's name."""


def employ(order: Order, storage: RDBStorage, launcher: Launcher, workers: int) -> Generator[str | None, None, None]:
    """Let workers train until nothing is left; yield what they have to say, and None now and then.

    Closing it, or an interrupt, stops them; the trials that this cuts short wait to be tried again, and go on from
    their checkpoints then.

    Raises:
        StudiesFail: they keep dying before they have a trial, or somebody ended one.
    """
    tasks = deque(_task(order, f"worker{number} {_key(order)}", launcher) for number in range(workers))
    employed = [task.about for task in tasks]
    deaths_without_a_trial = 0
    try:
        with closing(launcher.run(tasks)) as happenings:
            for happening in happenings:
                yield happening.message if isinstance(happening, Told) else None
                if isinstance(happening, Died):
                    if happening.on_purpose:
                        raise StudiesFail(happening.reason)
                    lost = _give_up(order, storage, [happening.task.about], died=True)
                    deaths_without_a_trial = 0 if lost else deaths_without_a_trial + 1
                    if deaths_without_a_trial == DEATHS_WITHOUT_A_TRIAL:
                        raise StudiesFail(f"workers end before they have a trial: {happening.reason}")
                if isinstance(happening, Died) or (
                    isinstance(happening, Returned) and isinstance(happening.value, Failed)
                ):
                    tasks.append(_task(order, happening.task.key, launcher))
                    employed.append(tasks[-1].about)
    finally:
        if not launcher.outlives:
            _give_up(order, storage, employed, died=False)


def work(order: Order, worker: str, *, tell: Callable[[str], None], stop: StopSignal) -> Failed | None:
    """Claim and train trials until every study has all it needs; wait while others train, and take over theirs.

    A trial that failed ends it, and is returned.
    """
    with opened_storage(order.storage_url) as storage:
        storage.heartbeat_stale_trial_callback = partial(_queue_lost, order)
        studies = {plan: load_study(storage, plan) for plan in order.plans}
        while not stop.came:
            _fail_silent_trials(studies.values())
            if not any(state.left for state in look(studies, order.budget)):
                break
            claimed = _claim(storage, studies, order.budget)
            if claimed is None:
                with suppress(Interrupted), stop.may_stop():
                    time.sleep(SECONDS_BETWEEN_CLAIMS)
            else:
                outcome = _train(storage, order, worker, *claimed, tell, stop)
                if isinstance(outcome, Failed) and not isinstance(outcome, Stopped):
                    return outcome
        if stop.came:
            _give_up(order, storage, [worker], died=False)
    return None


def _claim(
    storage: RDBStorage, studies: Mapping[StudyPlan, Study], budget: int
) -> tuple[StudyPlan, int, FrozenTrial] | None:
    """Claim a trial of the study with most work left that has one: so all studies end together, and no core idles."""
    states = sorted(look(studies, budget), key=lambda state: state.unclaimed_work, reverse=True)
    for plan in (state.plan for state in states if state.unclaimed_work > 0):
        if claimed := claim(studies[plan], storage, budget, plan.fixed_values):
            return plan, *claimed
    return None


def _train(
    storage: RDBStorage,
    order: Order,
    worker: str,
    plan: StudyPlan,
    slot: int,
    claimed: FrozenTrial,
    tell: Callable[[str], None],
    stop: StopSignal,
) -> Outcome | None:
    """Train a claimed trial; None if another process has it."""
    from plainres.tuning.trial import run_trial  # it imports torch, which the command itself does without

    trial_id = claimed._trial_id
    with _heartbeat(storage, trial_id), suppress(UpdateFinishedTrialError):
        storage.set_trial_user_attr(trial_id, WORKER, worker)
        study = load_study(storage, plan, slot)
        return run_trial(study, Trial(study, trial_id), plan, order.jobs[plan.name], tell=tell, stop=stop)
    return None


def _task(order: Order, key: str, launcher: Launcher) -> Task:
    """Make the task of a worker with a name of its own; one that outlives this command has the name others know."""
    worker = key if launcher.outlives else uuid.uuid4().hex
    return Task(worker, partial(work, order, worker), key)


def _key(order: Order) -> str:
    """Make a key that stands for the studies, of the ids of their runs."""
    ids = sorted(job.parent_run_id or "" for job in order.jobs.values())
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]


def _give_up(order: Order, storage: RDBStorage, workers: Sequence[str], *, died: bool) -> int:
    """Fail the trials that workers who are gone had in training, and count them."""
    lost = 0
    for plan in order.plans:
        study = load_study(storage, plan)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            with suppress(UpdateFinishedTrialError):
                if trial.user_attrs.get(WORKER) in workers and storage.set_trial_state_values(
                    trial._trial_id, TrialState.FAIL
                ):
                    _queue_lost(order, study, trial, died=died)
                    lost += 1
    return lost


def _queue_lost(order: Order, study: Study, trial: FrozenTrial, *, died: bool = True) -> None:
    """End the MLflow run of a trial whose process is gone, and queue its slot again: after a stop however often.

    Who goes on from the trial's checkpoint opens the run again.
    """
    job = order.jobs[study.study_name]
    with suppress(StoreAway), reaching_store():
        found = job.experiment.client.search_runs(
            [job.experiment.experiment_id],
            f"attributes.status = 'RUNNING' AND tags.{TRIAL_TAG} = '{trial.number}' "
            f"AND tags.`{MLFLOW_PARENT_RUN_ID}` = '{job.parent_run_id}'",
        )
        for run in found:
            set_status(job.experiment, run.info.run_id, "KILLED")
    queue_again(study, trial, [*deaths_of(trial), *([trial.number] if died else [])])


def _fail_silent_trials(studies: Iterable[Study]) -> None:
    """Fail the trials, of any machine, that gave no sign of life for too long, and queue their slots again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for study in studies:
            optuna.storages.fail_stale_trials(study)


@contextmanager
def _heartbeat(storage: RDBStorage, trial_id: int) -> Iterator[None]:
    """Record a trial's signs of life; unlike Optuna's thread this one outlives a database that is away for a moment."""

    def beat() -> None:
        with suppress(StorageInternalError):
            storage.record_heartbeat(trial_id)
        storage.remove_session()  # of the thread

    with repeated(beat, HEARTBEAT_SECONDS):
        yield
