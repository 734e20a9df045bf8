"""Carries out one trial: draws its values, trains the run that they make, and tells the study what came of it."""

import math
from collections.abc import Callable
from fractions import Fraction

from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from plainres.data import dataset_of
from plainres.names import TRIAL_TAG
from plainres.running.events import Failed, Finished, Notice, Outcome, Progress, Pruned, Started, Stopped
from plainres.running.folders import Job
from plainres.running.tracked_run import Hooks, train_run
from plainres.settings import RunConfig
from plainres.system.stopping import Interrupted, StopSignal
from plainres.tracking.outages import PATIENCE, keep_trying
from plainres.tracking.store import with_ending
from plainres.training import EpochRecord
from plainres.tuning.definition import StudyPlan
from plainres.tuning.search import epoch_metric, epoch_value, final_value, is_known
from plainres.tuning.slots import DONE
from plainres.tuning.state import DIVERGED, FAILURE, PRUNED_EPOCH, RUN_ID, TAKEN, value_of


def run_trial(
    study: Study, trial: Trial, plan: StudyPlan, job: Job, *, tell: Callable[[str], None], stop: StopSignal
) -> Outcome | None:
    """Train a claimed trial and tell the study; a failure fails the trial and is noted with it.

    The trial of a process that died goes on from that one's checkpoint, in the same MLflow run. A run of the same
    configuration that the store has already, finished, is taken for the trial's. A trial that is stopped is left to
    who stopped it.

    Returns:
        How the run ended; None if the trial was given to another process, because this one showed no sign of life.
    """
    name = with_ending(plan.label, f"-trial{trial.number}")

    def notice(event: Started | Progress | Notice) -> None:
        if isinstance(event, Notice):
            tell(f"{name}: {event.text}")

    try:
        config = plan.trial_config({each.name: each.suggested(trial) for each in plan.search.space})
        reports = _Reports(trial, plan.search.objective, Fraction(plan.config.epochs, config.epochs))
        hooks = Hooks(
            tags={MLFLOW_RUN_NAME: name, TRIAL_TAG: str(trial.number)},
            on_known=reports.add,
            on_record=lambda _, record: reports.prunes(record, config.epochs),
        )
        outcome = train_run(config, job, notice, patient=True, stop=stop, hooks=hooks)
        if isinstance(outcome, Finished | Pruned):
            trial.set_user_attr(RUN_ID, outcome.run_id)
        if isinstance(outcome, Finished):
            if not reports.any:
                trial.set_user_attr(TAKEN, True)
                reports.add_stored(job, outcome.run_id)
            study.tell(trial, _value(study, trial, plan, config, outcome, reports.values), skip_if_finished=True)
        elif isinstance(outcome, Pruned):
            trial.set_user_attr(PRUNED_EPOCH, outcome.epoch)
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        elif isinstance(outcome, Failed) and not isinstance(outcome, Stopped):
            trial.set_user_attr(FAILURE, outcome.reason)
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
    except (UpdateFinishedTrialError, Interrupted):
        return None
    return outcome


class _Reports:
    """Tells a trial's study of its epochs.

    Trials of equal steps have unequal epochs: theirs are counted in those of the recipe's batch size, `share` each, so
    that pruning compares trials that are equally far.
    """

    def __init__(self, trial: Trial, objective: str, share: Fraction) -> None:
        self.trial = trial
        self.objective = objective
        self.share = share
        self.epoch = 0
        self.any = False
        self.values: list[float] = []
        """The objective's finite ones."""

    def add(self, record: EpochRecord) -> None:
        """Report an epoch's objective, if it's finite."""
        self.any = True
        if record.epoch == 0 or not is_known(value := epoch_value(self.objective, record.metrics)):
            return
        self.values.append(value)
        before, self.epoch = self.epoch, int(record.epoch * self.share)
        if self.epoch > before:
            try:
                self.trial.report(value, self.epoch)
            except UpdateFinishedTrialError:  # the run is left as it is to the process that has the trial now
                raise Interrupted from None

    def prunes(self, record: EpochRecord, epochs: int) -> bool:
        """Report an epoch and say whether the study wants no more; after the last one pruning saves nothing."""
        self.add(record)
        return 0 < record.epoch < epochs and not record.diverged and self.trial.should_prune()

    def add_stored(self, job: Job, run_id: str) -> None:
        """Report the epochs of a finished run."""
        name = epoch_metric(self.objective)
        client = job.experiment.client
        for metric in keep_trying(lambda: client.get_metric_history(run_id, name), PATIENCE):
            self.add(EpochRecord(metric.step, {name: metric.value}))


def _value(
    study: Study, trial: Trial, plan: StudyPlan, config: RunConfig, outcome: Finished, values: list[float]
) -> float:
    """Return the objective's value of a trained run; one that diverged is marked, and counts as the worst value.

    That is of the study's trials, of its own epochs and of guessing, so that a worst value is known even when the very
    first trial diverges, and no diverged trial is better than guessing.
    """
    objective = plan.search.objective
    value = final_value(objective, outcome.metrics)
    if outcome.diverged is None and is_known(value):
        return value
    trial.set_user_attr(DIVERGED, outcome.diverged or config.epochs)
    classes = dataset_of(config).num_classes
    chance = math.log(classes) if objective.endswith("loss") else 1 - 1 / classes
    ended = [value_of(each) for each in study.get_trials(deepcopy=False, states=DONE)]
    return max([chance, *filter(math.isfinite, (*ended, *values))])
