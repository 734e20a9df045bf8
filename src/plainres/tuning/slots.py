"""Divides a study's budget into numbered slots, each filled by one trial and tried again when its process dies.

Optuna numbers trials atomically, so a slot is a trial's rank among those that are no second attempt. However many
workers add trials at once, exactly the first `--trials` slots are ever worked on.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

RETRIES = 2  # of a trial whose process died
DONE = (TrialState.COMPLETE, TrialState.PRUNED)

# As Optuna's RetryHeartbeatStaleTrialCallback names them; its dashboard shows them.
ORIGINAL = "failed_trial"
HISTORY = "retry_history"
FIXED = "fixed_params"  # as `Study.enqueue_trial` names it


@dataclass(frozen=True)
class Slot:
    """Holds one trial of a study's budget: its attempts in order, of which at most one ends well."""

    number: int
    attempts: tuple[FrozenTrial, ...]

    def _first_that_is(self, *states: TrialState) -> FrozenTrial | None:
        """Find the first attempt in one of these states."""
        return next((trial for trial in self.attempts if trial.state in states), None)

    @property
    def done(self) -> FrozenTrial | None:
        """Find the attempt that ended well: complete or pruned."""
        return self._first_that_is(*DONE)

    @property
    def running(self) -> FrozenTrial | None:
        """Find the attempt in training."""
        return self._first_that_is(TrialState.RUNNING)

    @property
    def waiting(self) -> FrozenTrial | None:
        """Find the attempt to be trained next; never a second one beside one that runs or has ended well."""
        busy = self._first_that_is(*DONE, TrialState.RUNNING)
        return None if busy else self._first_that_is(TrialState.WAITING)

    @property
    def epochs(self) -> int:
        """Count what the furthest attempt has trained: one that goes on from a checkpoint reports its epochs too."""
        return max(len(trial.intermediate_values) for trial in self.attempts)

    @property
    def failed(self) -> bool:
        """Tell whether every attempt failed, and none is left."""
        return all(trial.state == TrialState.FAIL for trial in self.attempts)


def slots_of(trials: Sequence[FrozenTrial], budget: int) -> list[Slot]:
    """Group trials, ordered by number, into slots: the budget's, and those beyond it that have ended well.

    The latter are of a command that was given more; they are never worked on, but count where a study is told of.
    """
    attempts: dict[int, list[FrozenTrial]] = {}
    for trial in trials:
        original = trial.system_attrs.get(ORIGINAL, trial.number)
        attempts.setdefault(original, []).append(trial)
    slots = [Slot(number, tuple(of_slot)) for number, of_slot in enumerate(attempts.values())]
    return [slot for slot in slots if slot.number < budget or slot.done]


def claim(
    study: Study, storage: RDBStorage, budget: int, fixed: Callable[[int], dict[str, Any] | None]
) -> tuple[int, FrozenTrial] | None:
    """Claim a trial: its slot's number and itself, now RUNNING and this process's to train; None if all are taken.

    Args:
        study: the study.
        storage: its storage.
        budget: how many slots the study has.
        fixed: the parameters of a slot, or None to have them drawn.
    """
    while True:
        slots = slots_of(study.get_trials(deepcopy=False), budget)
        for slot in slots:
            trial = slot.waiting
            with suppress(UpdateFinishedTrialError):
                if trial is not None:
                    # Before the claim, so that a process that dies right after it is noticed.
                    storage.record_heartbeat(trial._trial_id)
                    if values := fixed(slot.number):
                        storage.set_trial_system_attr(trial._trial_id, FIXED, values)
                    if storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                        return slot.number, trial
        if len(slots) >= budget:
            return None
        study.add_trial(create_trial(state=TrialState.WAITING))


def queue_again(study: Study, trial: FrozenTrial, deaths: Sequence[int]) -> None:
    """Let a failed trial's slot be tried again with the same parameters, unless its attempts' processes die every time.

    Args:
        study: the study.
        trial: the attempt that failed.
        deaths: numbers of the slot's attempts whose processes died.
    """
    if len(deaths) > RETRIES:
        return
    kept = {name: trial.system_attrs[name] for name in (ORIGINAL, FIXED) if name in trial.system_attrs}
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            system_attrs={ORIGINAL: trial.number, **kept, HISTORY: deaths},
        )
    )


def deaths_of(trial: FrozenTrial) -> list[int]:
    """Read the numbers of the earlier attempts at this trial's slot whose processes died."""
    return list(trial.system_attrs.get(HISTORY, []))


def queue_failed_again(study: Study, budget: int) -> None:
    """Let every slot that failed be tried again: who starts the command again may have removed the cause."""
    for slot in slots_of(study.get_trials(deepcopy=False), budget):
        if slot.failed:
            queue_again(study, slot.attempts[-1], [])
