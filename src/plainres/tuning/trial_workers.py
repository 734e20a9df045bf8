"""Worker processes that share studies: each claims trials until none is left, and is replaced should it die."""

import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import optuna
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from plainres.running.workers import follow_parent, worker_context
from plainres.tuning.definition import StudyPlan
from plainres.tuning.heartbeat import heartbeat
from plainres.tuning.slots import claim, deaths_of, queue_after_death, queue_again
from plainres.tuning.state import RUN_ID, WORKER, ArmState, arm_state
from plainres.tuning.storage import load_study, open_storage
from plainres.tuning.study_runs import Tracking, mark_failed

SECONDS_BETWEEN_LOOKS = 1.0
DEATHS_WITHOUT_A_TRIAL = 3  # in a row, after which something other than a trial kills workers


@dataclass(frozen=True)
class Order:
    """What a worker is told: which studies, how many trials each, and where they are tracked."""

    storage_url: str
    plans: tuple[StudyPlan, ...]
    budget: int
    tracking: dict[str, Tracking]
    """By the study's name."""


class WorkersFail(RuntimeError):
    """Workers end before they can train anything."""


def work(order: Order, worker: str) -> None:
    """Claim and train trials until every study has all it needs; waits while others train, and takes over theirs."""
    follow_parent()
    storage = open_storage(order.storage_url)
    work_on(storage, order, worker)


def work_on(storage: RDBStorage, order: Order, worker: str) -> None:
    """As `work`, in this process."""
    studies = {plan: load_study(storage, plan) for plan in order.plans}
    while True:
        states = [arm_state(plan, order.budget, study.get_trials(deepcopy=False)) for plan, study in studies.items()]
        if not any(state.left for state in states):
            return
        if not any(_train_one(storage, order, worker, state, studies[state.plan]) for state in in_turn(states)):
            time.sleep(SECONDS_BETWEEN_LOOKS)


def in_turn(states: Sequence[ArmState]) -> list[ArmState]:
    """The arms with trials to claim, the one with most work left first: so all end together and no core idles."""
    return sorted(
        (state for state in states if state.unclaimed_work > 0), key=lambda state: state.unclaimed_work, reverse=True
    )


def _train_one(storage: RDBStorage, order: Order, worker: str, state: ArmState, study: Study) -> bool:
    """Whether there was a trial to be had of this study; it's trained then."""
    from plainres.tuning.trial import run_trial  # it imports torch, which the command itself does without

    plan = state.plan
    claimed = claim(study, storage, order.budget, plan.first_trial)
    if claimed is None:
        return False
    slot, frozen = claimed
    with heartbeat(storage, frozen._trial_id):
        try:
            storage.set_trial_user_attr(frozen._trial_id, WORKER, worker)
        except UpdateFinishedTrialError:
            return True
        study = load_study(storage, plan, slot)
        run_trial(study, Trial(study, frozen._trial_id), plan, order.tracking[plan.name])
    return True


class Crew(AbstractContextManager["Crew"]):
    """The local workers of one command: kept at their number until the work is done, gone when the block ends."""

    def __init__(self, order: Order, storage: RDBStorage, jobs: int) -> None:
        self.order = order
        self.storage = storage
        self.workers: dict[str, BaseProcess] = {}
        self.deaths_without_a_trial = 0
        self.jobs = jobs

    def __enter__(self) -> "Crew":
        """Start the workers."""
        for _ in range(self.jobs):
            self._hire()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers; trials that an interrupt cut short wait to be tried again."""
        for process in self.workers.values():
            process.kill()
        for process in self.workers.values():
            process.join()
        self._give_up(list(self.workers), lambda study, trial: queue_again(study, trial, deaths_of(trial)))

    def tend(self) -> bool:
        """Replace the workers that died; whether any is at work.

        Raises:
            WorkersFail: they keep dying before they have a trial.
        """
        for worker, process in list(self.workers.items()):
            if process.exitcode is None:
                continue
            del self.workers[worker]
            if process.exitcode != 0:
                lost = self._give_up([worker], queue_after_death)
                self.deaths_without_a_trial = 0 if lost else self.deaths_without_a_trial + 1
                if self.deaths_without_a_trial == DEATHS_WITHOUT_A_TRIAL:
                    raise WorkersFail(f"workers end with exit code {process.exitcode} before they have a trial")
                self._hire()
        return bool(self.workers)

    def _hire(self) -> None:
        worker = uuid.uuid4().hex
        process = worker_context().Process(target=work, args=(self.order, worker), name=worker)  # type: ignore[attr-defined]
        process.start()
        self.workers[worker] = process

    def _give_up(self, workers: Sequence[str], queue: Callable[[Study, FrozenTrial], None]) -> int:
        """Fail the trials that workers who are gone had in training; how many they were."""
        count = 0
        for plan in self.order.plans if workers else ():
            study = load_study(self.storage, plan)
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if trial.user_attrs.get(WORKER) in workers and self._fail(trial):
                    on_death(self.order, queue)(study, trial)
                    count += 1
        return count

    def _fail(self, trial: FrozenTrial) -> bool:
        try:
            return self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False


def on_death(
    order: Order, queue: Callable[[Study, FrozenTrial], None] = queue_after_death
) -> Callable[[Study, FrozenTrial], None]:
    """What is to happen to a trial whose process is gone: its MLflow run ends, and its slot is queued again."""

    def take_up(study: Study, trial: FrozenTrial) -> None:
        mark_failed(order.tracking[study.study_name].experiment, trial.user_attrs.get(RUN_ID), "KILLED")
        queue(study, trial)

    return take_up


def fail_silent_trials(studies: Sequence[Study]) -> None:
    """Fail the trials, of any machine, that gave no sign of life for too long, and queue their slots again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for study in studies:
            optuna.storages.fail_stale_trials(study)
