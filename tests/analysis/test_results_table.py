import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import COLUMNS, explanation, paper_table, percent, sweep_table, three_digits
from plainres.analysis.verdict import judge
from plainres.screen.table import latex
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

ERRORS = {
    ("residual", 18): [0.0, 0.001, 0.002], ("residual", 1202): [0.001, 0.001, 0.001],
    ("plain", 18): [0.0006, 0.001, 0.0014], ("plain", 1202): [0.116, 0.332, 0.548],
}  # fmt: skip


def shown(results: SweepResults, width: int) -> str:
    console = Console(width=width, markup=False)
    with console.capture() as capture:
        console.print(sweep_table(results, judge(results)))
    return capture.get()


def test_a_row_says_all_of_an_arm_at_a_depth_over_its_seeds() -> None:
    results = sweep_of(ERRORS)
    rows = sweep_table(results, judge(results)).rows
    assert [row[:2] for row in rows] == [("residual", "18"), ("residual", "1202"), ("plain", "18"), ("plain", "1202")]
    # Mean and deviation of 11.6, 33.2, 54.8 %; a gap of 33.1 points with 4.3027 * 21.6 / sqrt(3) = 53.6.
    assert rows[3] == ("plain", "1202", "3 of 3", "33.20 ± 21.60", "33.20 ± 21.60", "3", "1.05", "undecided")
    assert rows[1][-1] == "undecided"  # three seeds can decide nothing
    assert rows[0][-1] == "–"


def test_an_arm_that_has_learnt_nothing_yet_is_not_said_to_degrade() -> None:
    errors = {8: [0.4, 0.41, 0.42, 0.43, 0.44, 0.45], 14: [0.8, 0.81, 0.82, 0.83, 0.84, 0.86]}
    learns = {8: [0.0] * 6, 14: [0.2, 0.21, 0.22, 0.23, 0.24, 0.25]}
    arms = {"plain": errors, "residual": errors, "plain:lr=0.1": learns}
    results = sweep_of({(arm, depth): values for arm, of_arm in arms.items() for depth, values in of_arm.items()})
    rows = sweep_table(results, judge(results)).rows
    assert [row[-1] for row in rows] == ["–", "undertrained", "–", "undertrained", "–", "degrades"]


def test_epochs_are_a_median_in_which_never_comes_last() -> None:
    def cell(*reached: float) -> str:
        results = sweep_of({("plain", 18): [0.1] * len(reached)})
        runs = results.runs.assign(epochs_to_10=reached)
        (row,) = sweep_table(replace(results, runs=runs), judge(results)).rows
        return row[COLUMNS.index("epochs to 10 %")]

    assert cell(4, 6, 5) == "5"
    assert cell(4, 5) == "4.5"
    assert cell(4, math.nan, 6) == "6 (2 of 3)"
    assert cell(4, math.nan, math.nan) == "never (1 of 3)"
    assert cell(math.nan, math.nan) == "never"


def test_the_table_fits_80_columns_with_a_line_for_what_a_line_can_hold() -> None:
    output = shown(sweep_of(ERRORS), 80)
    assert max(map(len, output.splitlines())) <= 80
    (line,) = [line for line in output.splitlines() if "33.20" in line]
    assert " ".join(line.split()) == "plain 1202 3 of 3 33.20 ± 21.60 33.20 ± 21.60 3 1.05 undecided"


@pytest.mark.parametrize("width", [*range(1, 40), 40, 60, 79, 80, 200])
def test_no_width_loses_a_character(width: int) -> None:
    results = sweep_of({(f"{arm}:lr=0.0123,shortcut=C", depth): errors for (arm, depth), errors in ERRORS.items()})
    output = shown(results, width)
    assert "…" not in output
    compact = "".join(output.split())
    for cells in sweep_table(results, judge(results)).rows:
        for word in " ".join(cells).replace(":", " ").replace(",", " ").split():
            if width >= 40:
                assert word in output, word
            assert word in compact or width >= 40, word


def test_a_report_explains_how_many_seeds_may_fail() -> None:
    results = sweep_of(ERRORS)
    # 1 - 0.05**(1/3) is 63 %.
    assert "at most 63 % where 0 of 3 did, 100 % where 3 of 3 did (95 %" in explanation(results, judge(results))


def test_diverged_runs_are_told_of() -> None:
    results = sweep_of(ERRORS, diverged=True)
    assert "0 of 3*" in shown(results, 80)
    assert "12 of these runs diverged" in " ".join(shown(results, 80).split())


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e38, 1.7976931348623157e308])
def test_no_number_breaks_a_table(odd: float, tmp_path: Path) -> None:
    values = {"test_error": odd, "gradient_growth": odd, "seconds": odd, "epochs_to_10": odd}
    results = sweep_of({("plain", 18): [0.1, 0.1], ("plain", 34): [odd, 0.2]}, **values)
    results.runs.loc[0, "test_error"] = 0.5
    assert "training error" in latex(paper_table(results), "tab:errors")
    shown(results, 80)
    results.runs.to_csv(tmp_path / "results.csv", index=False)
    read = pd.read_csv(tmp_path / "results.csv")
    np.testing.assert_allclose(read["test_error"], results.runs["test_error"])


def test_what_is_no_number_is_said_so() -> None:
    assert percent(pd.Series([0.1, math.inf])) == "not finite"
    assert percent(pd.Series([1e38, 1e38])) == "1.00e+40 ± 0.00e+00"
    assert percent(pd.Series([math.nan, math.nan])) == "–"
    assert percent(pd.Series([0.125])) == "12.50"
    assert [three_digits(value) for value in (math.inf, math.nan, 1e38, 12345.6, 1.0, 0.0123456)] == [
        "not finite", "–", "1.00e+38", "12,346", "1.00", "0.0123",
    ]  # fmt: skip
