"""What studies close with: table, remarks, report and figures, of trials that nobody trained."""

import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from plainres.screen.figure_style import save_figure
from plainres.tuning import study_figures
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import FIXED
from plainres.tuning.state import Confirmation, StudyState, study_state
from plainres.tuning.study_report import report_text, trials_table
from plainres.tuning.study_table import budget_remarks, drawn_values, expected_best, remarks, study_table

Plans = Callable[..., tuple[StudyPlan, ...]]
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-3, 1.0, log=True),
    "batch_size": CategoricalDistribution((64, 128, 256)),
    "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
}
VALUES = [(0.02, 64, 1e-4, 0.9), (0.9, 128, 1e-5, 0.3), (0.05, 256, 1e-3, 0.6), (0.004, 64, 5e-6, 2.0)]


def trials_of(plan: StudyPlan, scale: float = 1.0) -> list[optuna.trial.FrozenTrial]:
    """Four trials, of which the first has the recipe's values, the second is the best and the last was pruned."""
    study = optuna.create_study()
    for lr, batch_size, weight_decay, value in VALUES:
        values = {"lr": lr, "batch_size": batch_size, "weight_decay": weight_decay}
        names = plan.search.searched
        first = {FIXED: plan.first_trial} if lr == 0.02 else {}
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if value == 2.0 else TrialState.COMPLETE,
                value=scale * value,
                params={name: values[name] for name in names},
                distributions={name: DISTRIBUTIONS[name] for name in names},
                intermediate_values={1: scale * value},
                system_attrs=first,
            )
        )
    return study.trials


def state_of(plan: StudyPlan, **changes: object) -> StudyState:
    state = study_state(plan, 4, trials_of(plan))
    return StudyState(**{**vars(state), **changes})


def test_the_winner_on_fresh_seeds_is_what_the_table_shows(tiny_plans: Plans) -> None:
    (plan,) = tiny_plans()
    best, second = state_of(plan).done[1:3]
    confirmed = tuple(
        Confirmation(trial.number, trial.params, trial.value or 0, plan.fresh_seeds, values)
        for trial, values in ((second, (0.5, 0.75, 1.0)), (best, (0.25, 1.0, 1.25)))
    )
    plainly, checked = study_table([state_of(plan)]), study_table([state_of(plan, confirmed=confirmed)])
    assert plainly.rows == (("plain-8", "4/4", "25%", "0", "0", "0.9", "128", "0.3"),)
    assert checked.rows == (("plain-8", "4/4", "25%", "0", "0", "0.05", "256", "0.6", "0.75"),)
    assert checked.columns[-2:] == ("objective", "confirmed")
    assert "mean over 3 fresh seeds, from 1000000 on" in checked.caption
    report = report_text([state_of(plan, confirmed=confirmed)])
    assert "| plain-8 | 1 | lr 0.9, batch size 128 | 0.3 | 0.8333 | 0.25 1 1.25 |" in report


def test_shares_pruned_by_arm_and_values_at_a_border_are_told(tiny_plans: Plans) -> None:
    plans = tiny_plans(("plain", "residual"), (8, 14), pruner="median", studies=2)
    states = [state_of(plan) for plan in plans]
    states[0] = study_state(plans[0], 3, trials_of(plans[0])[:3])  # plain-14 without the pruned one
    pruned, border = remarks(states)
    assert pruned.startswith("Pruned: plain 20%, residual 25% of the trials")  # 3 of 15 and 4 of 16
    assert border == (
        "At a border: the best learning rate; try --lr-range 0.001 10 (plain-8, plain-8-study1, plain-14, "
        "plain-14-study1, residual-8, residual-8-study1, residual-14, residual-14-study1)."
    )
    assert remarks([state_of(tiny_plans(lr_range=(1e-3, 30.0))[0])]) == []  # nothing is pruned, nothing at a border


def test_whether_the_budget_was_enough_goes_by_the_draws(tiny_plans: Plans) -> None:
    (random,) = tiny_plans(sampler="random")
    assert drawn_values(state_of(random)) == [0.3, 0.6, 2.0]  # but for the recipe's
    mean, low, high = expected_best([0.3, 0.6, 2.0])
    (line,) = budget_remarks([state_of(random)])
    assert line == (
        f"plain-8: the best objective to be expected is {mean[0]:.3g} [{low[0]:.3g}, {high[0]:.3g}] of 1 and "
        f"{mean[2]:.3g} [{low[2]:.3g}, {high[2]:.3g}] of 3 draws."
    )
    (tpe,) = tiny_plans()
    assert budget_remarks([state_of(tpe)]) == ["plain-8: the best objective came with trial 2 of 4."]
    assert budget_remarks([study_state(tpe, 4, [])]) == []


@pytest.mark.parametrize("objective", ["train_loss", "validation_error"])
@pytest.mark.parametrize("searched", [("lr", "batch_size"), ("lr", "batch_size", "weight_decay"), ("batch_size",)])
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_every_search_can_be_drawn(
    tiny_plans: Plans, tmp_path: Path, objective: str, searched: tuple[str, ...], sampler: str
) -> None:
    plans = tiny_plans(("plain", "residual"), (8,), studies=2, objective=objective, searched=searched, sampler=sampler)
    tables = {plan: trials_table(trials_of(plan, 0.1 * (1 + plan.number)), 4) for plan in plans}
    tables[plans[-1]] = trials_table([], 4)  # nothing has ended there
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = {
            "space": study_figures.draw_space(tables[plans[0]], plans[0]),
            "history": study_figures.draw_history(tables[plans[0]], objective),
            "arms": study_figures.draw_arms(tables),
            "budget": study_figures.draw_budget(tables),
        }
        for name, figure in figures.items():
            save_figure(figure, tmp_path / f"{name}.png")
    assert len(figures["space"].axes) == max(1, len(set(searched) & {"lr", "weight_decay"}))
    assert [axes.get_title() for axes in figures["budget"].axes] == ["plain 8", "residual 8"]
    expected = any("expected" in str(text.get_text()) for text in figures["budget"].legends[0].get_texts())
    assert expected == (sampler == "random")
