"""Workers that share studies: each claims trials until none is left, and is replaced should it die."""

import hashlib
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

import optuna
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from plainres.launchers.launcher import Died, Launcher, Returned, Task, Told
from plainres.running.events import Failed, Outcome, Stopped
from plainres.running.job import Job
from plainres.system.stopping import Interrupted, StopSignal
from plainres.tuning.definition import StudyPlan
from plainres.tuning.heartbeat import heartbeat
from plainres.tuning.slots import claim, deaths_of, queue_after_death, queue_again
from plainres.tuning.state import WORKER, StudyState, study_state
from plainres.tuning.storage import load_study, opened_storage
from plainres.tuning.study_runs import end_trial_run

SECONDS_BETWEEN_LOOKS = 1.0
DEATHS_WITHOUT_A_TRIAL = 3  # in a row, after which something other than a trial kills workers

Queue = Callable[[Study, FrozenTrial], None]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a worker is told: which studies, how many trials each, and where they are tracked."""

    storage_url: str
    plans: tuple[StudyPlan, ...]
    budget: int
    jobs: dict[str, Job]
    """By the study's name."""


class WorkersFail(RuntimeError):
    """Workers end before they can train anything."""


def employ(order: Order, storage: RDBStorage, launcher: Launcher, workers: int) -> Generator[str | None, None, None]:
    """Let workers train until nothing is left; yields what they have to say, and None now and then.

    Closing it, or an interrupt, stops them; the trials that this cuts short wait to be tried again, and go on from
    their checkpoints then.

    Raises:
        WorkersFail: they keep dying before they have a trial, or somebody ended one.
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
                        raise WorkersFail(happening.reason)
                    lost = _give_up(order, storage, [happening.task.about], queue_after_death)
                    deaths_without_a_trial = 0 if lost else deaths_without_a_trial + 1
                    if deaths_without_a_trial == DEATHS_WITHOUT_A_TRIAL:
                        raise WorkersFail(f"workers end before they have a trial: {happening.reason}")
                if isinstance(happening, Died) or (
                    isinstance(happening, Returned) and isinstance(happening.value, Failed)
                ):
                    tasks.append(_task(order, happening.task.key, launcher))
                    employed.append(tasks[-1].about)
    finally:
        if not launcher.outlives:
            _give_up(order, storage, employed, _queue_after_stop)


def work(order: Order, worker: str, *, tell: Tell, stop: StopSignal) -> Failed | None:
    """Claim and train trials until every study has all it needs; waits while others train, and takes over theirs.

    A trial that failed ends it, and is returned.
    """
    with opened_storage(order.storage_url) as storage:
        return _work(storage, order, worker, tell, stop)


def _work(storage: RDBStorage, order: Order, worker: str, tell: Tell, stop: StopSignal) -> Failed | None:
    storage.heartbeat_stale_trial_callback = on_death(order)
    studies = {plan: load_study(storage, plan) for plan in order.plans}
    while not stop.came:
        fail_silent_trials(list(studies.values()))
        states = [study_state(plan, order.budget, study.get_trials(deepcopy=False)) for plan, study in studies.items()]
        if not any(state.left for state in states):
            break
        for state in in_turn(states):
            claimed = claim(studies[state.plan], storage, order.budget, state.plan.fixed_values)
            if claimed is not None:
                outcome = _train(storage, order, worker, state.plan, *claimed, tell, stop)
                if isinstance(outcome, Failed) and not isinstance(outcome, Stopped):
                    return outcome
                break
        else:
            with suppress(Interrupted), stop.may_stop():
                time.sleep(SECONDS_BETWEEN_LOOKS)
    if stop.came:
        _give_up(order, storage, [worker], _queue_after_stop)
    return None


def in_turn(states: Sequence[StudyState]) -> list[StudyState]:
    """The studies with trials to claim, the one with most work left first: so all end together and no core idles."""
    return sorted(
        (state for state in states if state.unclaimed_work > 0), key=lambda state: state.unclaimed_work, reverse=True
    )


def _train(
    storage: RDBStorage,
    order: Order,
    worker: str,
    plan: StudyPlan,
    slot: int,
    claimed: FrozenTrial,
    tell: Tell,
    stop: StopSignal,
) -> Outcome | None:
    """Train a claimed trial; None if another process has it."""
    from plainres.tuning.trial import run_trial  # it imports torch, which the command itself does without

    with heartbeat(storage, claimed._trial_id):
        try:
            storage.set_trial_user_attr(claimed._trial_id, WORKER, worker)
        except UpdateFinishedTrialError:
            return None
        study = load_study(storage, plan, slot)
        trial = Trial(study, claimed._trial_id)
        return run_trial(study, trial, plan, order.jobs[plan.name], tell=tell, stop=stop)


def _task(order: Order, key: str, launcher: Launcher) -> Task:
    """The task of a worker, who has a name of its own; one that outlives this command has the name that others know."""
    worker = key if launcher.outlives else uuid.uuid4().hex
    return Task(worker, partial(work, order, worker), key)


def _key(order: Order) -> str:
    """Stands for the studies, by the ids of their runs."""
    ids = sorted(job.parent_run_id or "" for job in order.jobs.values())
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]


def _queue_after_stop(study: Study, trial: FrozenTrial) -> None:
    """Let the slot of a trial that was stopped be tried again, however often."""
    queue_again(study, trial, deaths_of(trial))


def _give_up(order: Order, storage: RDBStorage, workers: Sequence[str], queue: Queue) -> int:
    """Fail the trials that workers who are gone had in training; how many they were."""
    count = 0
    for plan in order.plans:
        study = load_study(storage, plan)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            with suppress(UpdateFinishedTrialError):
                if trial.user_attrs.get(WORKER) in workers and storage.set_trial_state_values(
                    trial._trial_id, TrialState.FAIL
                ):
                    on_death(order, queue)(study, trial)
                    count += 1
    return count


def on_death(order: Order, queue: Queue = queue_after_death) -> Queue:
    """What is to happen to a trial whose process is gone: its MLflow run ends, and its slot is queued again."""

    def take_up(study: Study, trial: FrozenTrial) -> None:
        end_trial_run(order.jobs[study.study_name], trial.number)
        queue(study, trial)

    return take_up


def fail_silent_trials(studies: Sequence[Study]) -> None:
    """Fail the trials, of any machine, that gave no sign of life for too long, and queue their slots again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for study in studies:
            optuna.storages.fail_stale_trials(study)
