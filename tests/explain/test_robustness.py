"""In how many choices a verdict holds, of errors that were never trained."""

from pathlib import Path

import pandas as pd
import pytest

from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.verdict import judge
from plainres.explain.robustness import draw, gaps_of, sentences, table, write
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

SIX, FAR, OFTEN = [0.0] * 6, [0.5, 0.4, 0.6, 0.45, 0.3, 0.7], [0.5, 0.0, 0.0, 0.4, 0.0, 0.0]


def judged(plain: list[float], residual: list[float], depths: tuple[int, int] = (20, 56)) -> JudgedSweep:
    """A sweep whose shallow networks end at 0, and whose deep ones end at these errors."""
    shallow, deep = depths
    results = sweep_of(
        {("plain", shallow): SIX, ("plain", deep): plain, ("residual", shallow): SIX, ("residual", deep): residual}
    )
    return JudgedSweep(**vars(results), verdict=judge(results, 0.01))


def test_the_sentence_counts_where_plain_degrades_and_residual_does_not() -> None:
    sweeps = {
        "recipe": judged(FAR, SIX),
        "lr-third": judged(FAR, SIX),
        "half-batch": judged(SIX, SIX),
        "steps": judged(OFTEN, SIX),
        "four-stage": judged(FAR, FAR, (18, 34)),
    }
    assert sentences(sweeps) == [
        "In 2 of 5 choices plain degrades and residual does not. Not reproduced: half-batch, four-stage. "
        "Undecided: steps. The verdict turns on: half-batch, four-stage."
    ]
    assert [row[0] for row in table(sweeps).rows] == [*list(sweeps)[:4], "four-stage (18, 34)"]
    assert table(sweeps).rows[0][1:] == (
        "+49.2 [+34.2, +64.2]", "degrades", "+0.0 [+0.0, +0.0]", "does not degrade", "reproduced",
    )  # fmt: skip


def test_where_all_choices_agree_none_turns_the_verdict() -> None:
    assert sentences({"recipe": judged(FAR, SIX), "steps": judged(FAR, SIX)}) == [
        "In 2 of 2 choices plain degrades and residual does not. No choice comes to the opposite."
    ]


def test_the_forest_has_a_row_a_choice_and_a_point_an_arm() -> None:
    sweeps = {"recipe": judged(FAR, SIX), "steps": judged(OFTEN, SIX)}
    (axes,) = draw(sweeps).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["recipe", "steps"]
    drawn = sorted(float(x) for line in axes.lines for x in line.get_xdata() if line.get_marker() in "os")
    assert drawn == pytest.approx([0, 0, 15, 49.17], abs=0.01)
    assert len(gaps_of(sweeps)) == 24


def test_the_files_hold_a_row_for_each_run(tmp_path: Path) -> None:
    write({"recipe": judged(FAR, SIX)}, tmp_path, "robustness")
    assert {path.name for path in tmp_path.iterdir()} == {f"robustness.{kind}" for kind in ("png", "pdf", "csv")}
    assert len(pd.read_csv(tmp_path / "robustness.csv")) == 24
