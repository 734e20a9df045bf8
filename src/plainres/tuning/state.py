"""Tells how far a study is: what its trials have come to so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import slots_of
from plainres.tuning.space import Values

# Attributes of a trial in its study.
RUN_ID = "run_id"
WORKER = "worker"
DIVERGED = "diverged"
PRUNED_EPOCH = "pruned_epoch"
FAILURE = "failure"
TAKEN = "taken"  # its run was finished already, by a sweep or another trial


@dataclass(frozen=True)
class Confirmation:
    """Holds a trial's values on fresh seeds.

    Attributes:
        trial: its number in its study.
        params: what was searched.
        objective: the study's own value of it.
        seeds: those that it was trained on again.
        values: the objective after each; infinite where training diverged.
    """

    trial: int
    params: Values
    objective: float
    seeds: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Average the objective over the seeds."""
        return math.fsum(self.values) / len(self.values)


@dataclass(frozen=True)
class StudyState:
    """Tells what one network's study has come to.

    Attributes:
        plan: the study.
        budget: trials asked for, or those of a command that was given more.
        done: the trials that ended well, by slot: complete, diverged ones among them, or pruned.
        running: how many are in training.
        failures: why trials failed whose slots aren't tried again.
        epochs: trained by all trials together; of a slot's attempts the furthest counts.
        epochs_underway: those of them that trials have which are yet to end.
        confirmed: the trials that were trained again on fresh seeds, the best mean first.
        unconfirmed: why runs on fresh seeds failed.
    """

    plan: StudyPlan
    budget: int
    done: tuple[FrozenTrial, ...]
    running: int
    failures: tuple[str, ...]
    epochs: int
    epochs_underway: int
    confirmed: tuple[Confirmation, ...] = ()
    unconfirmed: tuple[str, ...] = ()

    @property
    def pruned(self) -> int:
        """Count the trials that were stopped early."""
        return sum(trial.state == TrialState.PRUNED for trial in self.done)

    @property
    def prune_rate(self) -> float:
        """Compute the share of the trials that were stopped early, NaN before the first trial."""
        return self.pruned / len(self.done) if self.done else float("nan")

    @property
    def diverged(self) -> int:
        """Count the trials whose loss was no longer finite."""
        return sum(DIVERGED in trial.user_attrs for trial in self.done)

    @property
    def best(self) -> FrozenTrial | None:
        """Find the trial of the lowest objective among those that trained to the end."""
        return next(iter(whole_trials(self.done)), None)

    @property
    def winner(self) -> FrozenTrial | None:
        """Find the trial whose values an experiment takes: of the best mean on fresh seeds, or else the best one."""
        if self.confirmed:
            return next((trial for trial in self.done if trial.number == self.confirmed[0].trial), None)
        return self.best

    @property
    def left(self) -> int:
        """Count the trials that are yet to end."""
        return self.budget - len(self.done) - len(self.failures)

    @property
    def work_left(self) -> float:
        """Estimate the epochs times depth that are left, if trials are as long as those that ended, pruned ones too."""
        done = [len(trial.intermediate_values) for trial in self.done]
        epochs = sum(done) / len(done) if done else self.plan.config.epochs
        return max(0.0, self.left * epochs - self.epochs_underway) * self.plan.config.depth

    @property
    def unclaimed_work(self) -> int:
        """Weigh the trials that nobody trains yet by what one costs."""
        return (self.left - self.running) * self.plan.config.depth


def look(studies: Mapping[StudyPlan, Study], budget: int) -> list[StudyState]:
    """Find how far studies are."""
    return [study_state(plan, budget, study.get_trials(deepcopy=False)) for plan, study in studies.items()]


def study_state(plan: StudyPlan, budget: int, trials: Sequence[FrozenTrial]) -> StudyState:
    """Sum up the trials of a study, ordered by number."""
    slots = slots_of(trials, budget)
    failed = [slot.attempts[-1] for slot in slots if slot.failed]
    return StudyState(
        plan=plan,
        budget=max(budget, len(slots)),
        done=tuple(slot.done for slot in slots if slot.done is not None),
        running=sum(slot.done is None and slot.running is not None for slot in slots),
        failures=tuple(trial.user_attrs.get(FAILURE, "its process died") for trial in failed),
        epochs=sum(slot.epochs for slot in slots),
        epochs_underway=sum(slot.epochs for slot in slots if not (slot.done or slot.failed)),
    )


def whole_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """List the trials that trained to the end without diverging, best first."""
    whole = [trial for trial in trials if trial.state == TrialState.COMPLETE and DIVERGED not in trial.user_attrs]
    return sorted(whole, key=lambda trial: (value_of(trial), trial.number))


def value_of(trial: FrozenTrial) -> float:
    """Read the objective's value of a trial that has one, as every complete trial has."""
    assert trial.value is not None
    return trial.value
