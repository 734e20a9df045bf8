"""A sweep as Python and a notebook see it."""

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from plainres.analysis.judged_sweep import JudgedSweep, load_judged
from plainres.errors import BadInput
from tests.analysis.stored_sweep import FINAL, LAYERS, Sweep

ERRORS = {
    ("residual", 8): (0.10, 0.30), ("residual", 14): (0.20, 0.40), ("plain", 8): (0.0, 0.0), ("plain", 14): (0.5, 0.7),
}  # fmt: skip


@pytest.fixture
def judged(store: str) -> JudgedSweep:
    sweep = Sweep(store, arms=("residual", "plain"))
    for (arm, depth), errors in ERRORS.items():
        for seed, error in enumerate(errors):
            start = {f"initial_grad_norm/{layer}": norm for layer, norm in LAYERS.items()}
            end = {f"grad_norm/{layer}": norm for layer, norm in LAYERS.items()}
            accuracies = {name: {1: 0.5, 2: 1 - error} for name in ("accuracy/train", "accuracy/validation")}
            values = {**FINAL, "final/train_error": error, **start, **end}
            sweep.add(f"{arm}-{depth}-seed{seed}", values, accuracies)
    return load_judged(sweep.parent, store)


def test_the_table_holds_a_row_a_network_in_numbers(judged: JudgedSweep) -> None:
    table = judged.table.set_index(["arm", "depth"])
    assert list(table.index) == [("residual", 8), ("residual", 14), ("plain", 8), ("plain", 14)]
    assert table.loc[("residual", 14), "train_error"] == pytest.approx(0.3)
    assert table.loc[("residual", 14), "train_error_sd"] == pytest.approx(0.1 * 2**0.5)  # of 0.2 and 0.4, over n - 1
    assert list(table["seeds"]) == [2, 2, 2, 2]
    assert list(table["epochs_to_10"].isin([2.0])) == [False, False, True, False]
    assert list(table["with_depth"]) == ["", "undecided", "", judged.verdict.gaps["plain"][14].status]


def test_the_curves_hold_a_row_an_epoch_of_a_run(judged: JudgedSweep) -> None:
    assert len(judged.curves) == 2 * len(judged.runs)
    assert list(judged.curves["epoch"].unique()) == [1, 2]


def test_it_shows_table_verdict_and_figure(judged: JudgedSweep) -> None:
    html = judged._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 1 + len(ERRORS)
    assert "60.00 ± 14.14" in html  # of 50 and 70 %
    assert "data:image/png;base64," in html
    assert html.startswith("<p><strong>Undecided: ")
    assert html.index("data:image/png") < html.index("<table")
    assert repr(judged).startswith(judged.verdict.sentence)
    assert "60.00 ± 14.14" in repr(judged)


PANELS = {"degradation": 1, "curves": 2, "gradients": 4}


@pytest.mark.parametrize("kind", PANELS)
def test_a_figure_is_drawn_alone_or_on_axes_of_the_callers(judged: JudgedSweep, kind: str) -> None:
    alone = judged.plot(kind)
    assert alone._repr_png_().startswith(b"\x89PNG")
    matplotlib.rcParams["lines.linewidth"] = 7.0
    try:
        figure = Figure()
        axes = figure.subplots(1, PANELS[kind])
        assert judged.plot(kind, ax=axes) is figure
        assert matplotlib.rcParams["lines.linewidth"] == 7.0
        assert all(each.lines and each.get_xlabel() for each in figure.axes)
        assert len(figure.axes[0].get_legend().get_texts()) >= 2
    finally:
        matplotlib.rcdefaults()


def test_too_few_axes_and_unknown_figures_are_refused(judged: JudgedSweep) -> None:
    with pytest.raises(BadInput, match="the figure has 2 panels, and 1 axes are given"):
        judged.plot("curves", ax=Figure().subplots())
    with pytest.raises(BadInput, match="unknown figure 'errors'; choose from degradation, curves, gradients"):
        judged.plot("errors")


def test_a_sweep_without_a_finished_run_is_shown(store: str) -> None:
    judged = load_judged(Sweep(store, arms=("residual", "plain")).parent, store)
    assert "Incomplete" in judged._repr_html_()
    assert isinstance(judged.table, pd.DataFrame)
    assert repr(judged)
