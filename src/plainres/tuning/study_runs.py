"""The MLflow run of a study, the parent of its trials' runs: one, however many commands work on the study."""

from contextlib import suppress

from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from plainres.errors import StoreAway
from plainres.names import STUDY_KEY_TAG, STUDY_TAG, TRIAL_TAG
from plainres.running.job import Job
from plainres.tracking.outages import reaching_store
from plainres.tracking.params import log_params
from plainres.tracking.runs import Experiment, set_status
from plainres.tracking.shown import without_credentials
from plainres.tracking.source import Source
from plainres.tracking.store import LONGEST_NAME
from plainres.tuning.definition import StudyPlan


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
        "arm": config.arm,
        "variant": config.variant,
        "depth": str(config.depth),
        "dataset": config.dataset,
        **source.tags,
    }
    run_id: str = client.create_run(
        experiment.experiment_id, run_name=f"study-{plan.label}"[:LONGEST_NAME], tags=tags
    ).info.run_id
    params = {"storage": without_credentials(storage_url), **plan.definition}
    # MLflow's names hold no apostrophe.
    named = {name.replace("'s", "").replace(" ", "_"): str(value) for name, value in params.items()}
    log_params(client, run_id, named)
    return run_id


def end_trial_run(job: Job, number: int) -> None:
    """End the MLflow run of a trial whose process is gone; who goes on from its checkpoint opens it again."""
    client = job.experiment.client
    with suppress(StoreAway), reaching_store():
        found = client.search_runs(
            [job.experiment.experiment_id],
            f"attributes.status = 'RUNNING' AND tags.{TRIAL_TAG} = '{number}' "
            f"AND tags.`{MLFLOW_PARENT_RUN_ID}` = '{job.parent_run_id}'",
        )
        for run in found:
            set_status(job.experiment, run.info.run_id, "KILLED")
