"""How deep each arm reaches, of errors that were never trained."""

from pathlib import Path

import pytest
from matplotlib.markers import MarkerStyle

from plainres.analysis.figures import draw_frontier
from plainres.explain.cures import frontier_sentence, frontier_table, trained_arms, write_frontier
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

ARMS = ("plain", "plain:init=dirac", "residual")
RUNS = sweep_of(
    {
        ("plain", 20): [0.5],
        ("plain:init=dirac", 20): [0.0, 0.19],
        ("plain:init=dirac", 110): [float("nan")],
        ("residual", 20): [0.0],
        ("residual", 110): [0.1 + 2e-9],  # as 10 % is read in single precision
    }
).runs


def test_an_arm_is_trained_where_the_mean_error_is_at_most_10_percent() -> None:
    assert trained_arms(RUNS, 20) == ("plain:init=dirac", "residual")
    assert trained_arms(RUNS, 110) == ("residual",)


def test_the_sentence_goes_from_the_deepest_reach_down() -> None:
    assert frontier_sentence(RUNS, ARMS) == (
        "The deepest network that ends at a training error of 10 % or less: residual 110, the deepest tried; "
        "plain:init=dirac 20; plain none of the depths tried."
    )


def test_an_arm_whose_runs_are_missing_reaches_at_least_as_deep_as_those_that_are_there() -> None:
    missing = ["residual-302-seed0", "plain:norm=none-20-seed0"]
    assert frontier_sentence(RUNS, ("plain", "plain:norm=none", "residual"), missing) == (
        "The deepest network that ends at a training error of 10 % or less: residual at least 110; plain none of the "
        "depths tried; plain:norm=none unknown. Missing: residual-302-seed0, plain:norm=none-20-seed0."
    )


def test_the_table_has_the_last_depth_that_trains_and_the_first_that_fails() -> None:
    assert frontier_table(RUNS, ARMS).rows == (
        ("plain", "–", "–", "20", "50.00"),
        ("plain:init=dirac", "20", "9.50 ± 13.44", "110", "–"),
        ("residual", "110", "10.00", "–", "–"),
    )


def test_the_figure_has_a_row_for_each_arm_with_crosses_where_it_fails(tmp_path: Path) -> None:
    (axes,) = draw_frontier(RUNS, ARMS).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ARMS)
    (marks,) = axes.collections
    crosses = [path.vertices.shape == MarkerStyle("X").get_path().vertices.shape for path in marks.get_paths()]
    drawn = [(*map(round, place), crossed) for place, crossed in zip(marks.get_offsets(), crosses, strict=True)]
    assert drawn == [(20, 0, True), (20, 1, False), (110, 1, True), (20, 2, False), (110, 2, False)]
    assert [[round(depth) for depth in line.get_xdata()] for line in axes.lines if len(line.get_xdata())] == [
        [20],
        [20, 110],
    ]
    assert [text.get_text() for text in axes.texts] == ["50", "9.5", "?", "0.0", "10"]
    write_frontier(RUNS, ARMS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"frontier.{kind}" for kind in ("png", "pdf", "csv")}
