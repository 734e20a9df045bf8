"""Run studies to their end: open them, let workers share them, show how far they are, store what came of them."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from optuna import Study
from optuna.storages import RDBStorage
from rich.console import Console

from plainres.errors import StoreAway
from plainres.launchers.launcher import AtOnce, Launcher
from plainres.running.job import Job
from plainres.screen.screens import make_screen
from plainres.tracking.outages import PATIENCE, keep_trying, reaching_store
from plainres.tracking.runs import set_status
from plainres.tuning.confirmation import confirm, confirmed
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import queue_failed_again
from plainres.tuning.state import StudyState, study_state, whole_state
from plainres.tuning.storage import KEY, load_study, open_studies, opened_storage
from plainres.tuning.studies_tally import StudiesTally
from plainres.tuning.study_runs import open_study_run
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
                replace(
                    whole_state(plan, budget, study.get_trials(deepcopy=False)),
                    confirmed=confirmed(study), unconfirmed=failures.get(plan, ()),
                )
                for plan, study in studies.items()
            ]  # fmt: skip
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
    """The studies and their MLflow runs opened, or made: the storage meanwhile, and the workers' order.

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
                run_id = open_study_run(job.experiment, plan, key, storage_url, job.source)
                jobs[plan.name] = replace(job, parent_run_id=run_id)
        yield storage, Order(storage_url, plans, budget, jobs)


def look(studies: dict[StudyPlan, Study], budget: int) -> list[StudyState]:
    """How far the studies are."""
    return [study_state(plan, budget, study.get_trials(deepcopy=False)) for plan, study in studies.items()]


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
