"""One trial: draw its values, train the run with all its tracking, and tell the study what came of it."""

import math

from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from plainres.config import RunConfig
from plainres.data import dataset_of
from plainres.hardware import give_back_memory
from plainres.names import DIVERGED_TAG, STATE_TAG
from plainres.tracking.runs import Experiment, log_metrics, set_status, tracked_run
from plainres.tracking.shown import first_line
from plainres.training import EpochRecord, train
from plainres.tuning.definition import StudyPlan
from plainres.tuning.objective import chance_value, epoch_value, final_value, worst_value
from plainres.tuning.state import DIVERGED, FAILURE, PRUNED_EPOCH, RUN_ID
from plainres.tuning.study_runs import Tracking, mark_failed


def run_trial(study: Study, trial: Trial, plan: StudyPlan, tracking: Tracking) -> None:
    """Train a claimed trial and tell the study; an error in training fails the trial and is noted with it.

    Should the trial have been given to another process meanwhile, because this one showed no sign of life, what
    this one has counts no longer.
    """
    try:
        value = train_trial(study, trial, plan, tracking)
        if value is None:
            told = study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            told = study.tell(trial, value, skip_if_finished=True)
        lost = told.state == TrialState.FAIL
    except UpdateFinishedTrialError:
        lost = True
    except Exception as error:
        study._storage.set_trial_user_attr(trial._trial_id, FAILURE, f"{type(error).__name__}: {first_line(error)}")
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        mark_failed(tracking.experiment, trial.user_attrs.get(RUN_ID), "FAILED")
        return
    finally:
        give_back_memory(plan.config.device)
    if lost:
        mark_failed(tracking.experiment, trial.user_attrs.get(RUN_ID), "KILLED")


def train_trial(study: Study, trial: Trial, plan: StudyPlan, tracking: Tracking) -> float | None:
    """The objective's value after training with the values drawn for the trial, or None if it was pruned."""
    low, high = plan.search.lr_range
    config = plan.trial_config(
        lr=trial.suggest_float("lr", low, high, log=True),
        batch_size=int(trial.suggest_categorical("batch_size", plan.search.batch_sizes)),
    )
    experiment, client = tracking.experiment, tracking.experiment.client
    dataset = dataset_of(config)
    with tracked_run(experiment, config, dataset, tracking.parent_run_id, tracking.source) as run_id:
        trial.set_user_attr(RUN_ID, run_id)
        client.set_tag(run_id, MLFLOW_RUN_NAME, f"{plan.arm}-trial{trial.number}")
        client.set_tag(run_id, "trial", str(trial.number))
        last, values = _train_epochs(trial, config, plan.search.objective, experiment, run_id)
        value = None if last is None else final_value(plan.search.objective, last.metrics)
        if last is not None and value is not None and (last.diverged or not math.isfinite(value)):
            trial.set_user_attr(DIVERGED, last.epoch)
            client.set_tag(run_id, DIVERGED_TAG, str(last.epoch))
            chance = chance_value(plan.search.objective, dataset.num_classes)
            value = worst_value(study.get_trials(deepcopy=False), values, chance)
        client.set_tag(run_id, STATE_TAG, "pruned" if value is None else "complete")
    if value is None:
        set_status(experiment, run_id, "KILLED")  # FINISHED runs are taken for whole ones
    return value


def _train_epochs(
    trial: Trial, config: RunConfig, objective: str, experiment: Experiment, run_id: str
) -> tuple[EpochRecord | None, list[float]]:
    """Train with tracking; the last epoch's record, or None if pruned, and the objective's finite values by epoch."""
    client, values = experiment.client, []
    for record in train(config):
        log_metrics(client, run_id, record.metrics, record.epoch)
        if record.epoch == 0:
            continue
        value = epoch_value(objective, record.metrics)
        if math.isfinite(value):
            values.append(value)
            trial.report(value, record.epoch)
        # After the last epoch nothing is saved by pruning.
        if record.epoch < config.epochs and not record.diverged and trial.should_prune():
            trial.set_user_attr(PRUNED_EPOCH, record.epoch)
            client.set_tag(run_id, PRUNED_EPOCH, str(record.epoch))
            return None, values
    return record, values
