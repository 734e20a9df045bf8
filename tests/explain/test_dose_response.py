"""Dose-response curves of errors that were never trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plainres.analysis import judge
from plainres.analysis.figures import draw_dose_response
from plainres.explain.cures import dose_sentence, dose_table, doses_of, write_dose_response
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

ERRORS = {0.5: [0.5, 0.7], 1.0: [0.0, 0.0], 0.0: [0.8, 0.9], 0.75: [0.001, 0.001], 2.0: [0.3, 0.3]}
RESULTS = sweep_of(
    {
        (f"residual:shortcut_scale={dose}", depth): [0.0] * 10 if depth == 8 else 5 * errors
        for dose, errors in ERRORS.items()
        for depth in (8, 20)
    }
)


def test_the_sentence_has_the_smallest_and_the_largest_dose_that_does_not_degrade() -> None:
    assert dose_sentence("shortcut_scale", RESULTS, judge(RESULTS)) == (
        "From depth 8 to 20 (10 seeds, margin 1 in percentage points), by shortcut_scale: degrades: 0, 0.5, 2; does "
        "not degrade: 0.75, 1. The smallest dose that does not degrade is 0.75, the largest 1."
    )


def test_where_no_dose_cures_the_sentence_says_so() -> None:
    bad = sweep_of(
        {(f"plain:lr={lr}", depth): [0.005 * depth + (depth - 8) * 0.01] * 7 for lr in (0.1, 0.2) for depth in (8, 20)}
    )
    assert dose_sentence("lr", bad, judge(bad)).endswith("degrades: 0.1, 0.2. No dose is known not to degrade.")


def test_the_table_has_a_row_for_each_dose_smallest_first() -> None:
    table = dose_table("shortcut_scale", RESULTS, judge(RESULTS))
    assert table.columns == ("shortcut_scale", "depth 8", "depth 20", "with depth")
    assert [row[0] for row in table.rows] == ["0", "0.5", "0.75", "1", "2"]
    assert table.rows[0] == ("0", "0.00 ± 0.00", "85.00 ± 5.27", "degrades")


def test_the_figure_has_a_line_through_the_means_of_each_depth_and_a_point_for_each_seed() -> None:
    doses = doses_of("shortcut_scale", RESULTS)
    figure = draw_dose_response(RESULTS.runs.assign(dose=RESULTS.runs["arm"].map(doses)), "shortcut_scale")
    (axes,) = figure.axes
    _, line = (each for each in axes.lines if len(each.get_xdata()))  # without what is for the legend
    (points,) = axes.collections
    assert np.allclose(line.get_xydata(), [(0, 85), (0.5, 60), (0.75, 0.1), (1, 0), (2, 30)])
    assert len(points.get_offsets()) == 2 * 50  # of both depths
    assert axes.get_xscale() == "linear"
    assert axes.get_xlabel() == "shortcut scale"


def test_doses_far_apart_stand_on_a_logarithmic_axis_that_has_zero(tmp_path: Path) -> None:
    shares = (0.0, 0.01, 0.1, 1.0)
    results = sweep_of({(f"plain:init=dirac,init_share={share}", 8): [share] for share in shares})
    write_dose_response("init_share", results, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"dose-response.{kind}" for kind in ("png", "pdf", "csv")}
    written = pd.read_csv(tmp_path / "dose-response.csv")
    assert list(written["dose"]) == list(shares)
    runs = results.runs.assign(dose=list(shares))
    assert draw_dose_response(runs, "init_share").axes[0].get_xscale() == "symlog"


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0])
def test_odd_errors_break_nothing(odd: float, tmp_path: Path) -> None:
    for errors in ([odd, 0.5], [odd, odd]):
        results = sweep_of({(f"residual:shortcut_scale={dose}", 8): errors for dose in (0.0, 1.0)})
        write_dose_response("shortcut_scale", results, tmp_path)
        dose_sentence("shortcut_scale", results, judge(results))
        assert len(dose_table("shortcut_scale", results, judge(results)).rows) == 2
