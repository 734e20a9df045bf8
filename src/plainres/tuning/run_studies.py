"""Runs studies to their end: opens them, lets workers share them, shows how far they are, stores what came of it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from optuna import Study
from optuna.storages import RDBStorage
from rich.console import Console

from plainres.errors import StoreAway, without_credentials
from plainres.launchers.launcher import AtOnce, Launcher
from plainres.names import STUDY_KEY_TAG, STUDY_TAG
from plainres.running.folders import Job
from plainres.screen.screens import make_screen
from plainres.tracking.outages import PATIENCE, keep_trying, reaching_store
from plainres.tracking.runs import Experiment, log_params, set_status
from plainres.tracking.store import LONGEST_NAME
from plainres.tuning.confirmation import confirm, confirmed
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import queue_failed_again
from plainres.tuning.state import StudyState, look
from plainres.tuning.storage import KEY, load_study, open_studies, opened_storage
from plainres.tuning.studies_tally import StudiesTally
from plainres.tuning.trial_workers import Order, employ

SECONDS_BETWEEN_LOOKS = 0.5


def run_studies(
    plans: tuple[StudyPlan, ...],
    budget: int,
    storage_url: str,
    job: Job,
    launcher: Launcher,
    console: Console,
    to_confirm: int = 0,
) -> list[StudyState]:
    """Bring every study to `budget` trials, whoever trains them, and store its report with its MLflow run.

    Then the best `to_confirm` trials of each are trained again on fresh seeds.

    An interrupt leaves the trials in flight with checkpoints, from which they go on at the next start. The job is what
    all trials have in common, but for their parents, which are the studies' runs.

    Raises:
        StoreAway: the tracking store went away and isn't back; the studies have what was found.
    """
    with prepared(plans, budget, storage_url, job) as (storage, order):
        run_ids = [order.jobs[plan.name].parent_run_id or "" for plan in plans]

        def set_statuses(statuses: list[str]) -> None:
            for run_id, status in zip(run_ids, statuses, strict=True):
                set_status(job.experiment, run_id, status)

        try:
            studies = {plan: load_study(storage, plan) for plan in plans}
            for study in studies.values():
                queue_failed_again(study, budget)
            _share(storage, studies, order, launcher, console)
            failures = confirm(studies, to_confirm, order, launcher, console) if to_confirm else {}
            states = [
                replace(state, confirmed=confirmed(studies[state.plan]), unconfirmed=failures.get(state.plan, ()))
                for state in look(studies, budget)
            ]
            from plainres.tuning.study_report import store_reports  # pandas takes a second to import

            keep_trying(lambda: store_reports(studies, states, order), PATIENCE)
        except AtOnce:
            raise
        except BaseException:
            if launcher.outlives:
                raise
            with suppress(StoreAway), reaching_store():
                set_statuses(["KILLED"] * len(plans))
            raise
        ends = ["FAILED" if state.failures or state.unconfirmed else "FINISHED" for state in states]
        keep_trying(lambda: set_statuses(ends), PATIENCE)
        return states


@contextmanager
def prepared(
    plans: tuple[StudyPlan, ...], budget: int, storage_url: str, job: Job
) -> Iterator[tuple[RDBStorage, Order]]:
    """Open or make the studies and their MLflow runs: the storage meanwhile, and the workers' order.

    Raises:
        BadInput: a study exists with another definition, or the storage can't hold studies.
        StoreAway: the tracking store doesn't answer.
    """
    with opened_storage(storage_url) as storage:
        open_studies(storage, plans)
        jobs = {}
        with reaching_store():
            for plan in plans:
                key = load_study(storage, plan).user_attrs[KEY]
                jobs[plan.name] = replace(job, parent_run_id=_open_study_run(job, plan, key, storage_url))
        yield storage, Order(storage_url, plans, budget, jobs)


def _share(
    storage: RDBStorage, studies: dict[StudyPlan, Study], order: Order, launcher: Launcher, console: Console
) -> None:
    """Let workers train until nothing is left."""
    states = look(studies, order.budget)
    tally = StudiesTally(states)
    with make_screen(console, tally.after(states)) as screen:
        # Workers may have gone home just before a lost trial was queued again.
        while left := sum(state.left for state in states):
            looked = 0.0
            with closing(employ(order, storage, launcher, min(launcher.jobs, left))) as words:
                for text in words:
                    if text is not None or time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                        looked = time.monotonic()
                        screen.show(tally.after(look(studies, order.budget), text))
            states = look(studies, order.budget)
            screen.show(tally.after(states))


def _open_study_run(job: Job, plan: StudyPlan, key: str, storage_url: str) -> str:
    """Return the id of the study's MLflow run, which is RUNNING then: one, however many commands work on the study.

    Args:
        job: what the study's trials have in common: where they are tracked, and the code that trains now.
        plan: the study.
        key: stored with the study; tells it from others of its name.
        storage_url: shown without credentials.
    """
    run_id = _oldest_run(job.experiment, key)
    if run_id is None:
        made = _make_study_run(job, plan, key, storage_url)
        run_id = _oldest_run(job.experiment, key) or made
        if run_id != made:  # another command was a moment faster
            job.experiment.client.delete_run(made)
    set_status(job.experiment, run_id, "RUNNING")
    return run_id


def _oldest_run(experiment: Experiment, key: str) -> str | None:
    found = experiment.client.search_runs(
        [experiment.experiment_id],
        f"tags.{STUDY_KEY_TAG} = '{key}'",
        order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
        max_results=1,
    )
    return found[0].info.run_id if found else None


def _make_study_run(job: Job, plan: StudyPlan, key: str, storage_url: str) -> str:
    client, config = job.experiment.client, plan.config
    tags = {
        STUDY_KEY_TAG: key,
        STUDY_TAG: plan.name,
        **{name: str(getattr(config, name)) for name in ("arm", "variant", "depth", "dataset")},
        **job.source.tags,
    }
    name = f"study-{plan.label}"[:LONGEST_NAME]
    run_id: str = client.create_run(job.experiment.experiment_id, run_name=name, tags=tags).info.run_id
    params = {"storage": without_credentials(storage_url), **plan.definition}
    # MLflow's names hold no apostrophe.
    named = {name.replace("'s", "").replace(" ", "_"): str(value) for name, value in params.items()}
    log_params(client, run_id, named)
    return run_id
