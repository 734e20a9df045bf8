"""Stores with their MLflow runs what studies came to: best values, prune rate, the table of trials and figures."""

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from plainres.screen.figure_style import save_figure
from plainres.screen.table import markdown, text_table
from plainres.sweeps.tuned import objective_words
from plainres.tracking.artifacts import log_artifact
from plainres.tracking.runs import Experiment, log_metrics
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import slots_of
from plainres.tuning.space import SEARCHABLE
from plainres.tuning.state import DIVERGED, FAILURE, PRUNED_EPOCH, RUN_ID, StudyState, value_of
from plainres.tuning.study_table import budget_remarks, in_order, remarks, study_table, values_text
from plainres.tuning.trial_workers import Order

if TYPE_CHECKING:  # seaborn takes seconds to import
    from matplotlib.figure import Figure

FEWEST_FOR_IMPORTANCES = 4
COLUMNS = (
    "slot", "trial", "state", *SEARCHABLE, "objective", "diverged", "epochs", "pruned_epoch", "seconds",
    "run_id", "failure",
)  # fmt: skip


def store_reports(studies: Mapping[StudyPlan, Study], states: Sequence[StudyState], order: Order) -> None:
    """Store each study's values, table and figures with its run, and with each the report that compares them all."""
    tables = {plan: trials_table(study.get_trials(deepcopy=False), order.budget) for plan, study in studies.items()}
    with TemporaryDirectory() as shared:
        _write_shared(Path(shared), states, tables)
        for state in states:
            plan, job = state.plan, order.jobs[state.plan.name]
            assert job.parent_run_id
            _store_values(job.experiment, job.parent_run_id, state, len(tables[plan]))
            with TemporaryDirectory() as folder:
                shutil.copytree(shared, folder, dirs_exist_ok=True)
                tables[plan].to_csv(Path(folder) / "trials.csv", index=False)
                for name, figure in _figures(plan, studies[plan], tables[plan]).items():
                    save_figure(figure, Path(folder) / name)
                log_artifact(job.experiment.tracking_uri, job.parent_run_id, Path(folder))


def report_text(states: Sequence[StudyState]) -> str:
    """Say in Markdown what studies came to."""
    parts = [
        f"# Studies of {objective_words(states[0].plan.search.objective)}",
        markdown(study_table(states)),
        *remarks(states),
    ]
    confirmed = [
        (
            state.plan.label, str(each.trial), values_text(each.params), f"{each.objective:.4g}", f"{each.mean:.4g}",
            " ".join(f"{value:.4g}" for value in each.values),
        )
        for state in in_order(states)
        for each in state.confirmed
    ]  # fmt: skip
    if confirmed:
        seeds = "Each network's later studies have seeds of their own, three further on."
        seeds = f"Seeds of the first studies: {', '.join(map(str, states[0].plan.fresh_seeds))}. {seeds}"
        columns = ("network", "trial", "values", "in the study", "mean", "on each seed")
        parts += ["## Trained again on fresh seeds", markdown(text_table(columns, confirmed, seeds))]
    budget = budget_remarks(states)
    if budget:
        parts += ["## Was the budget enough?", "\n".join(f"- {line}" for line in budget)]
    return "\n\n".join(parts) + "\n"


def trials_table(trials: Sequence[FrozenTrial], budget: int) -> pd.DataFrame:
    """Tabulate trials, a row for each attempt.

    Columns: slot (place in the study, from 0; beyond the budget those that ended well), trial (Optuna's number), state
    (complete, pruned, fail, running or waiting), lr, batch_size and weight_decay where they are searched, objective (of
    a pruned trial the last epoch's value), diverged, epochs (reported), pruned_epoch, seconds, run_id (in MLflow),
    failure (why, in one line).
    """
    rows = [
        {
            "slot": slot.number,
            "trial": trial.number,
            "state": trial.state.name.lower(),
            **{name: trial.params.get(name) for name in SEARCHABLE},
            "objective": trial.value if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
            "diverged": DIVERGED in trial.user_attrs,
            "epochs": len(trial.intermediate_values),
            "pruned_epoch": trial.user_attrs.get(PRUNED_EPOCH),
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            "run_id": trial.user_attrs.get(RUN_ID, ""),
            "failure": trial.user_attrs.get(FAILURE, ""),
        }
        for slot in slots_of(trials, budget)
        for trial in slot.attempts
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"batch_size": "Int64", "pruned_epoch": "Int64"})


def _write_shared(folder: Path, states: Sequence[StudyState], tables: Mapping[StudyPlan, pd.DataFrame]) -> None:
    """Write what each study's run holds of all of them."""
    (folder / "report.md").write_text(report_text(states), encoding="utf-8")
    if any(state.done for state in states):
        from plainres.tuning import study_figures as figures

        save_figure(figures.draw_arms(tables), folder / "arms.png")
        save_figure(figures.draw_budget(tables), folder / "budget.png")


def _store_values(experiment: Experiment, run_id: str, state: StudyState, step: int) -> None:
    """Log metrics, whose last value counts: a study that goes on finds better ones. The step is the attempts so far."""
    metrics: dict[str, float] = {"study/trials": len(state.done), "study/diverged": state.diverged}
    metrics["study/failed"] = len(state.failures)
    if state.done:
        metrics["study/prune_rate"] = state.prune_rate
    if winner := state.winner:
        metrics |= {f"best/{name}": value for name, value in winner.params.items()}
        metrics |= {"best/objective": value_of(winner), "best/trial": winner.number}
        experiment.client.set_tag(run_id, "best_params", json.dumps(winner.params))
        experiment.client.set_tag(run_id, "best_run_id", winner.user_attrs[RUN_ID])
    if state.confirmed:
        metrics["best/confirmed"] = state.confirmed[0].mean
    log_metrics(experiment.client, run_id, metrics, step)


def _figures(plan: StudyPlan, study: Study, table: pd.DataFrame) -> dict[str, "Figure"]:
    if not table["state"].isin(("complete", "pruned")).any():
        return {}
    from plainres.tuning import study_figures as figures

    drawn = {
        "history.png": figures.draw_history(table, plan.search.objective),
        "space.png": figures.draw_space(table, plan),
    }
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) >= FEWEST_FOR_IMPORTANCES and len({trial.value for trial in complete}) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            importances = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
        if importances:
            drawn["importances.png"] = figures.draw_importances(importances, len(complete))
    return drawn
