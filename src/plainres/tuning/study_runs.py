"""The MLflow run of a study, the parent of its trials' runs: one, however many commands work on the study."""

from contextlib import suppress
from dataclasses import dataclass

from mlflow.exceptions import MlflowException

from plainres.names import STATE_TAG, STUDY_KEY_TAG, STUDY_TAG
from plainres.tracking.params import log_params
from plainres.tracking.runs import Experiment, set_status
from plainres.tracking.shown import without_credentials
from plainres.tracking.source import Source
from plainres.tuning.definition import StudyPlan


@dataclass(frozen=True)
class Tracking:
    """Where a study's trials are tracked."""

    experiment: Experiment
    parent_run_id: str
    source: Source


def open_study_run(experiment: Experiment, plan: StudyPlan, key: str, storage_url: str, source: Source) -> str:
    """The id of the study's run, which is RUNNING then; made where it's missing.

    Args:
        experiment: where it is tracked.
        plan: the study.
        key: stored with the study; tells it from others of its name.
        storage_url: shown without credentials.
        source: the code that trains now.
    """
    run_id = _oldest(experiment, key)
    if run_id is None:
        made = _make(experiment, plan, key, storage_url, source)
        run_id = _oldest(experiment, key) or made
        if run_id != made:  # another command was a moment faster
            experiment.client.delete_run(made)
    set_status(experiment, run_id, "RUNNING")
    return run_id


def _oldest(experiment: Experiment, key: str) -> str | None:
    found = experiment.client.search_runs(
        [experiment.experiment_id],
        f"tags.{STUDY_KEY_TAG} = '{key}'",
        order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
        max_results=1,
    )
    return found[0].info.run_id if found else None


def _make(experiment: Experiment, plan: StudyPlan, key: str, storage_url: str, source: Source) -> str:
    client, config = experiment.client, plan.config
    tags = {
        STUDY_KEY_TAG: key,
        STUDY_TAG: plan.name,
        "variant": config.variant,
        "depth": str(config.depth),
        "dataset": config.dataset,
        **source.tags,
    }
    run_id: str = client.create_run(experiment.experiment_id, run_name=f"study-{plan.arm}", tags=tags).info.run_id
    params = {"storage": without_credentials(storage_url), **plan.definition}
    # MLflow's names hold no apostrophe.
    named = {name.replace("'s", "").replace(" ", "_"): str(value) for name, value in params.items()}
    log_params(client, run_id, named)
    return run_id


def mark_failed(experiment: Experiment, run_id: str | None, status: str) -> None:
    """End the MLflow run of a trial that failed, if it had one and it is in this store."""
    if run_id is None:
        return
    with suppress(MlflowException):  # another machine's trial may be tracked elsewhere
        experiment.client.set_tag(run_id, STATE_TAG, "failed")
        set_status(experiment, run_id, status)
