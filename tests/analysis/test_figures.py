"""Figures show what they should, whatever the numbers are."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plainres.analysis.figures import draw_curves, draw_degradation, draw_gradients
from plainres.screen.figure_style import save_figure
from tests.analysis.synthetic import curves_of, gradients_of, sweep_of

pytestmark = pytest.mark.filterwarnings("error")

ARMS = ("plain", "residual")
ODD = [math.nan, math.inf, -math.inf, 1e38, 1.7976931348623157e308, 5e-324, 0.0, -1.0]
ERRORS = {
    ("plain", 8): [0.1, 0.2],
    ("plain", 20): [0.5, 0.7],
    ("residual", 8): [0.1, 0.1],
    ("residual", 20): [0.0, 0.0],
}


def saved(figure: Figure, folder: Path) -> Path:
    path = folder / "figure.png"
    save_figure(figure, path)
    return path


def lines_of(axes: Axes) -> list[Line2D]:
    """Those that are drawn, without what seaborn makes for a legend."""
    return [line for line in axes.lines if len(np.asarray(line.get_xdata()))]


def legend_of(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_line_of_an_arm_goes_through_the_means_in_percent(tmp_path: Path) -> None:
    figure = draw_degradation(sweep_of(ERRORS).runs, ARMS)
    (axes,) = figure.axes
    plain, residual = lines_of(axes)
    assert np.allclose(plain.get_xydata(), [(8, 15), (20, 60)])
    assert np.allclose(residual.get_xydata(), [(8, 10), (20, 0)])
    assert legend_of(figure) == ["plain", "residual"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "20"]
    assert axes.get_ylim()[0] < 0 < 70 < axes.get_ylim()[1] <= 102
    saved(figure, tmp_path)


def test_a_figure_stays_as_it_is_however_often_it_is_saved(tmp_path: Path) -> None:
    figure = draw_degradation(sweep_of(ERRORS).runs, ARMS, width=3.3)
    places = []
    for _ in range(3):
        saved(figure, tmp_path)
        places.append(figure.axes[0].get_position().bounds)
    assert places == [pytest.approx(places[0], abs=1e-6)] * 3
    assert figure.get_tightbbox().y0 == pytest.approx(0.08, abs=0.05)  # inches, of the layout's padding


def test_diverged_runs_are_crossed(tmp_path: Path) -> None:
    figure = draw_degradation(sweep_of({("plain", 8): [0.9]}, diverged=True).runs, ("plain",))
    assert legend_of(figure) == ["plain", "diverged"]
    point, cross = figure.axes[0].collections
    assert np.allclose(cross.get_offsets(), point.get_offsets())
    saved(figure, tmp_path)


def test_any_number_of_arms_has_a_panel_each_and_rows_of_at_most_three(tmp_path: Path) -> None:
    arms = [f"plain:lr=0.0{digit}" for digit in range(1, 9)]
    curves = curves_of({(arm, 8): [[0.1, 0.9]] for arm in arms})
    figure = draw_curves(curves, arms)
    assert [axes.get_title() for axes in figure.axes] == arms
    tops = {round(axes.get_position().y0, 2) for axes in figure.axes}
    saved(figure, tmp_path)
    assert len(tops) == 3
    gradients = draw_gradients(gradients_of({(arm, 8): [[1.0, 2.0]] for arm in arms}), arms)
    assert [axes.get_title() for axes in gradients.axes][:6] == [
        f"{arm}\n{time}" for time in ("at initialisation", "in the last epoch") for arm in arms[:3]
    ]
    saved(gradients, tmp_path)
    saved(draw_degradation(sweep_of({(arm, 8): [0.5] for arm in arms}).runs, arms), tmp_path)


def test_curves_are_means_over_seeds_of_errors_in_percent(tmp_path: Path) -> None:
    curves = curves_of({("plain", 8): [[0.1, 0.9], [0.3, 0.7]]})
    figure = draw_curves(curves, ("plain",))
    (axes,) = figure.axes
    for line in lines_of(axes):
        assert np.allclose(line.get_xydata(), [(1, 80), (2, 20)])
    assert legend_of(figure) == ["depth 8", "training", "validation"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "error (%)")
    assert figure.get_figwidth() == 4.2
    saved(figure, tmp_path)


def test_the_training_error_is_bold_and_in_front() -> None:
    (axes,) = draw_curves(curves_of({("plain", 8): [[0.1, 0.9]]}), ("plain",)).axes
    training, validation = sorted(lines_of(axes), key=lambda line: line.get_linestyle() != "-")
    assert validation.get_linestyle() == "--"
    assert training.get_linewidth() > 2 * validation.get_linewidth()
    assert training.get_zorder() > validation.get_zorder()


@pytest.mark.parametrize(("classes", "words"), [(10, ["guessing, 90 %"]), (2, ["guessing, 50 %"]), (None, [])])
def test_a_line_stands_at_the_error_of_guessing(classes: int | None, words: list[str]) -> None:
    runs = sweep_of({("plain", 8): [0.95], ("plain", 20): [0.9]}).runs
    (axes,) = draw_degradation(runs, ("plain",), classes=classes).axes
    assert [text.get_text() for text in axes.texts] == words
    levels = [list(map(float, np.asarray(line.get_ydata()))) for line in axes.lines]
    assert not classes or [100 - 100 / classes] * 2 in levels


def test_a_line_at_guessing_makes_no_axis_longer() -> None:
    (axes,) = draw_degradation(sweep_of({("plain", 8): [0.1]}).runs, ("plain",), classes=10).axes
    assert not axes.texts
    assert axes.get_ylim()[1] < 20


def test_panels_stand_side_by_side_as_far_as_they_fit() -> None:
    curves = curves_of({(arm, 8): [[0.1, 0.9]] for arm in ARMS})
    for width, rows in ((None, 1), (3.3, 1), (3.0, 2)):
        figure = draw_curves(curves, ARMS, width=width)
        assert figure.get_figwidth() == (width or 6.9)
        assert len({axes.get_subplotspec().rowspan.start for axes in figure.axes if axes.get_subplotspec()}) == rows  # type: ignore[union-attr]


def test_a_journals_column_holds_the_gradients_of_two_arms_above_a_caption() -> None:
    gradients = gradients_of({(arm, 8): [[1.0, 2.0]] for arm in ARMS})
    assert draw_gradients(gradients, ARMS, width=3.3).get_figheight() < 5


def test_gradients_are_geometric_means_on_a_log_axis(tmp_path: Path) -> None:
    figure = draw_gradients(gradients_of({("plain", 8): [[100.0, 1.0], [1.0, 1.0]]}), ("plain",))
    at_start = figure.axes[0]
    assert at_start.get_yscale() == "log"
    assert np.allclose(at_start.lines[0].get_xydata(), [(0, 10), (1, 1)])
    saved(figure, tmp_path)


def test_an_exploding_network_is_drawn_as_far_as_numbers_go_and_marked_beyond(tmp_path: Path) -> None:
    exploding = [math.inf, math.nan, *np.logspace(38, -2, 40), 0.0]
    steady = [1.0] * len(exploding)
    figure = draw_gradients(gradients_of({("plain", 1202): [exploding], ("residual", 1202): [steady]}), ARMS)
    saved(figure, tmp_path)
    plain = figure.axes[0]
    (line,) = lines_of(plain)
    (marks,) = (np.asarray(each.get_offsets()) for each in plain.collections if isinstance(each, PathCollection))
    lost, zero = marks[marks[:, 1] > 1e30], marks[marks[:, 1] < 0.01]  # near the upper and the lower edge
    assert np.allclose(line.get_ydata(), exploding[2:-1])
    low, high = plain.get_ylim()
    assert low < 0.01
    assert 1e38 < high < 1e45
    assert np.allclose(lost[:, 0], [0, 1 / 42])
    assert np.allclose(zero[:, 0], [1])
    assert legend_of(figure) == ["depth 1202", "not finite", "zero"]


@pytest.mark.parametrize("odd", ODD)
def test_no_number_breaks_a_figure(odd: float, tmp_path: Path) -> None:
    runs = sweep_of({("plain", 8): [0.1, odd], ("plain", 20): [odd, odd], ("residual", 8): [0.2, 0.3]}).runs
    saved(draw_degradation(runs, ARMS), tmp_path)
    curves = curves_of({("plain", 8): [[0.5, odd], [odd, 0.7]], ("residual", 8): [[odd, odd]]})
    saved(draw_curves(curves, ARMS), tmp_path)
    norms = gradients_of({("plain", 8): [[odd, 1.0], [odd, odd]], ("residual", 8): [[odd, odd]]})
    saved(draw_gradients(norms, ARMS), tmp_path)


def test_arms_of_one_depth_stand_close_to_it() -> None:
    (axes,) = draw_degradation(sweep_of({("plain", 1202): [0.9], ("residual", 1202): [0.0]}).runs, ARMS).axes
    low, high = axes.get_xlim()
    places = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert high / 1.5 > max(places) > 1202 > min(places) > 1.5 * low


def test_the_panel_of_a_network_that_diverged_at_once_says_so(tmp_path: Path) -> None:
    curves = curves_of({("plain", 1202): [[math.nan]], ("residual", 1202): [[0.1, 0.9]]})
    figure = draw_curves(curves, ARMS)
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["no finite values"], []]
    saved(figure, tmp_path)


def test_nothing_but_lost_numbers_still_gives_figures(tmp_path: Path) -> None:
    lost = [[math.nan, math.inf]]
    saved(draw_degradation(sweep_of({("plain", 8): [math.nan]}).runs, ARMS), tmp_path)
    saved(draw_curves(curves_of({("plain", 8): lost}), ARMS), tmp_path)
    saved(draw_gradients(gradients_of({("plain", 8): lost}), ARMS), tmp_path)
    saved(draw_gradients(gradients_of({}), ARMS), tmp_path)
    saved(draw_curves(pd.DataFrame(columns=curves_of({("plain", 8): lost}).columns), ARMS), tmp_path)
