"""Where the seeds of many arms end, a row an arm."""

import pandas as pd
import pytest

from plainres.explain.arms_figure import draw_final_errors

LONG = "plain:activation=tat,init=delta-orthogonal,norm=none"


def test_every_run_is_a_point_in_its_arms_row_and_names_are_whole() -> None:
    errors = {("plain", 8): [0.0, 0.002], ("plain", 14): [0.5, 0.7], (LONG, 8): [0.0, 0.0], (LONG, 14): [0.01, 0.03]}
    runs = pd.DataFrame(
        [(arm, depth, error) for (arm, depth), of in errors.items() for error in of],
        columns=["arm", "depth", "train_error"],
    )
    (axes,) = draw_final_errors(runs, ["plain", LONG]).axes
    names = [label.get_text().replace("\n", "").replace(" ", "") for label in axes.get_yticklabels()]
    assert names == ["plain", LONG]
    assert "delta-orthogonal" in axes.get_yticklabels()[1].get_text()  # broken between settings alone
    points = [tuple(point) for drawn in axes.collections for point in drawn.get_offsets()]
    for row, arm in enumerate(["plain", LONG]):
        inside = sorted(x for x, y in points if abs(y - row) < 0.5)
        own = [100 * error for (of, _), found in errors.items() if of == arm for error in found]
        assert inside == pytest.approx(sorted(own))
    means = sorted(float(x) for line in axes.lines if line.get_marker() == "|" for x in line.get_xdata())
    assert means == pytest.approx([0.0, 0.1, 2.0, 60.0])
