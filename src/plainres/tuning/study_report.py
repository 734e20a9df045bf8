"""What studies came to, stored with their MLflow runs: best values, prune rate, the table of trials and figures."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from plainres.figure_style import save_figure
from plainres.tracking.artifacts import log_artifact
from plainres.tracking.runs import Experiment, log_metrics
from plainres.tuning.definition import StudyPlan
from plainres.tuning.state import RUN_ID, StudyState, value_of
from plainres.tuning.trial_workers import Order
from plainres.tuning.trials_table import trials_table

if TYPE_CHECKING:  # seaborn takes seconds to import
    from matplotlib.figure import Figure

FEWEST_FOR_IMPORTANCES = 4


def store_reports(studies: Mapping[StudyPlan, Study], states: Sequence[StudyState], order: Order) -> None:
    """Store each study's report with its run, and with all of them the page that compares the arms."""
    trials = {plan: study.get_trials(deepcopy=False) for plan, study in studies.items()}
    tables = {plan: trials_table(of_study, order.budget) for plan, of_study in trials.items()}
    arms = {(plan.config.arm, plan.config.depth): table for plan, table in tables.items()}
    for state in states:
        plan = state.plan
        experiment, run_id = order.jobs[plan.name].experiment, order.jobs[plan.name].parent_run_id
        assert run_id
        _store_values(experiment, run_id, state, len(trials[plan]))
        with TemporaryDirectory() as folder:
            tables[plan].to_csv(Path(folder) / "trials.csv", index=False)
            for name, figure in _figures(plan, studies[plan], tables[plan], arms).items():
                save_figure(figure, Path(folder) / name)
            log_artifact(experiment.tracking_uri, run_id, Path(folder))


def _store_values(experiment: Experiment, run_id: str, state: StudyState, step: int) -> None:
    """As metrics, whose last value counts: a study that goes on finds better ones. The step: attempts so far."""
    metrics = {
        "study/trials": float(len(state.done)),
        "study/diverged": float(state.diverged),
        "study/failed": float(len(state.failures)),
    }
    if state.done:
        metrics["study/prune_rate"] = state.prune_rate
    best = state.best
    if best is not None:
        metrics |= {"best/lr": best.params["lr"], "best/batch_size": best.params["batch_size"]}
        metrics |= {"best/objective": value_of(best), "best/trial": float(best.number)}
        experiment.client.set_tag(run_id, "best_params", json.dumps(best.params))
        experiment.client.set_tag(run_id, "best_run_id", best.user_attrs[RUN_ID])
    log_metrics(experiment.client, run_id, metrics, step)


def _figures(
    plan: StudyPlan, study: Study, table: pd.DataFrame, arms: Mapping[tuple[str, int], pd.DataFrame]
) -> dict[str, "Figure"]:
    if not table["state"].isin(("complete", "pruned")).any():
        return {}
    from plainres.tuning import study_figures as figures

    drawn = {
        "history.png": figures.draw_history(table, plan.search.objective),
        "space.png": figures.draw_space(table, plan.search),
        "arms.png": figures.draw_arms(arms, plan.search),
    }
    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    importances = _importances(study, complete)
    if importances:
        drawn["importances.png"] = figures.draw_importances(importances, len(complete))
    return drawn


def _importances(study: Study, complete: Sequence[FrozenTrial]) -> dict[str, float]:
    """fANOVA's shares (Hutter et al. 2014) over the complete trials; none where trials are too few or all alike."""
    if len(complete) < FEWEST_FOR_IMPORTANCES or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
