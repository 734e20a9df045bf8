"""Run studies to their end: open them, let workers share them, show how far they are, store what came of them."""

import time

from optuna import Study
from optuna.storages import RDBStorage
from rich.console import Console

from plainres.running.jobs import default_jobs
from plainres.tracking.runs import Experiment, set_status
from plainres.tracking.source import current_source
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import queue_failed_again
from plainres.tuning.state import ArmState, arm_state
from plainres.tuning.storage import KEY, load_study, open_storage, open_studies
from plainres.tuning.study_display import make_display
from plainres.tuning.study_runs import Tracking, open_study_run
from plainres.tuning.trial_workers import Crew, Order, fail_silent_trials, on_death

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_CHECKS = 5.0


def run_studies(
    plans: tuple[StudyPlan, ...],
    budget: int,
    storage_url: str,
    experiment: Experiment,
    *,
    jobs: int | None,
    console: Console,
) -> list[ArmState]:
    """Bring every study to `budget` trials, whoever trains them, and store its report with its MLflow run.

    An interrupt ends the trials in flight as failed, and queues them to be tried again.
    """
    storage, order = prepare(plans, budget, storage_url, experiment)
    run_ids = [order.tracking[plan.name].parent_run_id for plan in plans]
    jobs = jobs or default_jobs(plans[0].config.device, plans[0].config.threads)
    try:
        studies = {plan: load_study(storage, plan) for plan in plans}
        for study in studies.values():
            queue_failed_again(study, budget)
        states = _share(storage, studies, order, jobs, console)
        from plainres.tuning.study_report import store_reports  # pandas takes a second to import

        store_reports(studies, states, order)
    except BaseException:
        for run_id in run_ids:
            set_status(experiment, run_id, "KILLED")
        raise
    for run_id, state in zip(run_ids, states, strict=True):
        set_status(experiment, run_id, "FAILED" if state.failures else "FINISHED")
    return states


def prepare(
    plans: tuple[StudyPlan, ...], budget: int, storage_url: str, experiment: Experiment
) -> tuple[RDBStorage, Order]:
    """Open or make the studies and their MLflow runs; the storage, which sees to dead trials, and the workers' order.

    Raises:
        BadInput: a study exists with another definition, or the storage can't hold studies.
    """
    storage = open_storage(storage_url)
    open_studies(storage, plans)
    source = current_source()
    tracking = {}
    for plan in plans:
        key = load_study(storage, plan).user_attrs[KEY]
        run_id = open_study_run(experiment, plan, key, storage_url, source)
        tracking[plan.name] = Tracking(experiment, run_id, source)
    order = Order(storage_url, plans, budget, tracking)
    storage.heartbeat_stale_trial_callback = on_death(order)
    return storage, order


def look(studies: dict[StudyPlan, Study], budget: int) -> list[ArmState]:
    """How far the studies are."""
    return [arm_state(plan, budget, study.get_trials(deepcopy=False)) for plan, study in studies.items()]


def _share(
    storage: RDBStorage, studies: dict[StudyPlan, Study], order: Order, jobs: int, console: Console
) -> list[ArmState]:
    """Let workers train until nothing is left; how far the studies are then."""
    checked = 0.0
    states = look(studies, order.budget)
    with make_display(console, states) as display:
        # Workers may have gone home just before a lost trial was queued again.
        while left := sum(state.left for state in states):
            with Crew(order, storage, min(jobs, left)) as crew:
                while crew.tend():
                    if time.monotonic() - checked > SECONDS_BETWEEN_CHECKS:
                        fail_silent_trials(list(studies.values()))
                        checked = time.monotonic()
                    states = look(studies, order.budget)
                    display.show(states)
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            states = look(studies, order.budget)
            display.show(states)
    return states
