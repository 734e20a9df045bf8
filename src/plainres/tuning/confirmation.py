"""Trains the best trials of a study again on fresh seeds: the one with the best mean wins."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from optuna import Study
from optuna.trial import FrozenTrial
from rich.console import Console

from plainres.errors import BadInput
from plainres.launchers.launcher import Launcher
from plainres.launchers.train_runs import train_runs
from plainres.names import DIVERGED_TAG
from plainres.running.events import Failed
from plainres.running.folders import Job
from plainres.running.shown_runs import shown_runs
from plainres.settings import RunConfig
from plainres.tracking.outages import PATIENCE, keep_trying
from plainres.tracking.runs import Experiment, finished_run
from plainres.tracking.store import with_ending
from plainres.tuning.definition import StudyPlan
from plainres.tuning.search import final_value, is_known
from plainres.tuning.state import Confirmation, value_of, whole_trials
from plainres.tuning.trial_workers import Order

CONFIRMED = "confirmed"  # attribute of a study


def candidates(trials: Sequence[FrozenTrial], count: int) -> list[FrozenTrial]:
    """Choose the best trials of a study, no two of them with the same values."""
    distinct: dict[tuple[Any, ...], FrozenTrial] = {}
    for trial in whole_trials(trials):
        distinct.setdefault(tuple(sorted(trial.params.items())), trial)
    return list(distinct.values())[:count]


def confirm(
    studies: Mapping[StudyPlan, Study], count: int, order: Order, launcher: Launcher, console: Console
) -> dict[StudyPlan, tuple[str, ...]]:
    """Train the best `count` trials of every study on its fresh seeds and note their values with the study.

    The runs are tracked below the study's run. What is finished isn't trained again. Returned are the failures, one
    line each.
    """
    chosen = {plan: candidates(study.get_trials(deepcopy=False), count) for plan, study in studies.items()}
    job_of: dict[RunConfig, Job] = {}
    names: dict[RunConfig, str] = {}
    for plan, trials in chosen.items():
        for trial in trials:
            for config in plan.fresh_runs(trial.params):
                names[config] = with_ending(config.name, f"-trial{trial.number}")
                job_of[config] = replace(order.jobs[plan.name], tags={MLFLOW_RUN_NAME: names[config]})
    todo = [config for config, job in job_of.items() if _finished(job.experiment, config) is None]
    shown = {config: names[config] for config in todo}
    with closing(shown_runs(train_runs(todo, launcher, job_of), shown, console)) as events:
        failures = {event.config: event.reason for event in events if isinstance(event, Failed)}
    unconfirmed = {}
    for plan, trials in chosen.items():
        runs = [plan.fresh_runs(trial.params) for trial in trials]
        failed = [config for configs in runs for config in configs if config in failures]
        unconfirmed[plan] = tuple(f"{names[config]}: {failures[config]}" for config in failed)
        if not failed:
            values = [tuple(_value(job_of[config].experiment, plan, config) for config in configs) for configs in runs]
            found = [
                Confirmation(trial.number, trial.params, value_of(trial), plan.fresh_seeds, of_trial)
                for trial, of_trial in zip(trials, values, strict=True)
            ]
            studies[plan].set_user_attr(CONFIRMED, [asdict(each) for each in found])
    return unconfirmed


def confirmed(study: Study) -> tuple[Confirmation, ...]:
    """Read which trials were trained again, the best mean first; none if they aren't the study's best any more."""
    stored = [
        Confirmation(**{**each, "seeds": tuple(each["seeds"]), "values": tuple(each["values"])})
        for each in study.user_attrs.get(CONFIRMED, [])
    ]
    best = candidates(study.get_trials(deepcopy=False), len(stored))
    if {trial.number for trial in best} != {each.trial for each in stored}:
        return ()
    return tuple(sorted(stored, key=lambda each: (each.mean, each.trial)))


def check_confirmed(study: Study) -> None:
    """Raise BadInput if trials were confirmed that aren't the best any more, or none of them trained to an end."""
    found = confirmed(study)
    if CONFIRMED in study.user_attrs and not found:
        raise BadInput(
            f"study {study.study_name} has had better trials since its best were confirmed: run studies.lr_batch_size "
            "with --confirm again"
        )
    if found and not math.isfinite(found[0].mean):
        raise BadInput(f"study {study.study_name} has no trial that trained to the end on every fresh seed")


def _finished(experiment: Experiment, config: RunConfig) -> str | None:
    return keep_trying(lambda: finished_run(experiment, config), PATIENCE)


def _value(experiment: Experiment, plan: StudyPlan, config: RunConfig) -> float:
    run_id = _finished(experiment, config)
    assert run_id is not None
    data = keep_trying(lambda: experiment.client.get_run(run_id).data, PATIENCE)
    value = final_value(plan.search.objective, data.metrics)
    return value if is_known(value) and DIVERGED_TAG not in data.tags else math.inf
