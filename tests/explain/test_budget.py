"""Whether depth slows or stops an arm, of errors that were never trained."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from plainres.explain.budget import (
    HARMLESS,
    HARMLESS_AT_LAST,
    OPEN,
    SLOWS,
    STOPS,
    answer_of,
    by_budget,
    gaps_of,
    sentences,
    table,
    write,
)
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

SIX = [0.0] * 6
FAR = [0.5, 0.4, 0.6, 0.45, 0.3, 0.7]
NEAR = [0.001, 0.002, 0.0, 0.003, 0.001, 0.0]


def sweep(plain: dict[int, list[float]]):  # type: ignore[no-untyped-def]
    """Residual fits at any budget; plain 56 ends at these errors, plain 20 at 0."""
    errors = {}
    for epochs, deep in plain.items():
        errors |= {
            (f"plain:epochs={epochs}", 20): SIX, (f"plain:epochs={epochs}", 56): deep,
            (f"residual:epochs={epochs}", 20): SIX, (f"residual:epochs={epochs}", 56): SIX,
        }  # fmt: skip
    return sweep_of(errors)


@pytest.mark.parametrize(
    ("fates", "answer"),
    [
        (["degrades", "degrades"], STOPS),
        (["degrades", "does not degrade"], SLOWS),
        (["degrades", "undecided"], OPEN),
        (["undecided", "degrades"], STOPS),
        (["does not degrade", "degrades"], STOPS),
        (["does not degrade", "does not degrade"], HARMLESS),
        (["undecided", "does not degrade"], HARMLESS_AT_LAST),
        (["runs are missing", "does not degrade"], HARMLESS_AT_LAST),
        (["degrades", "runs are missing"], OPEN),
    ],
)
def test_the_largest_budget_decides(fates: list[str], answer: str) -> None:
    assert answer_of(fates) == answer


@pytest.mark.parametrize(("most", "answer"), [(NEAR, SLOWS), (FAR, STOPS), ([*FAR[:3], *NEAR[:3]], OPEN)])
def test_an_arm_is_judged_at_each_budget_by_itself(most: list[float], answer: str) -> None:
    judged = by_budget(sweep({12: FAR, 24: most}), 0.01)
    assert list(judged) == [12, 24]
    assert judged[12][1].outcome == "reproduced"  # no correction for the arms of the other budget
    plain, residual = sentences(judged)
    assert plain.startswith(f"plain, from depth 20 to 56: {answer}; with 12 epochs the training error changes by ")
    assert ", with 24 epochs the training error changes by " in plain
    assert residual.startswith(f"residual, from depth 20 to 56: {HARMLESS}; ")


def test_a_network_that_fails_at_its_shallowest_depth_is_undertrained() -> None:
    errors = {(f"plain:epochs={epochs}", depth): [0.5] * 6 for epochs in (1, 2) for depth in (20, 56)}
    judged = by_budget(sweep_of(errors), 0.01)
    assert [row[-1] for row in table(judged).rows] == ["undertrained", "undertrained"]
    assert "above 10 % at the shallowest depth already" in sentences(judged)[0]


def test_where_runs_are_missing_nothing_is_decided_and_they_are_named() -> None:
    results = replace(sweep({12: FAR, 24: NEAR}), missing=("plain:epochs=24-56-seed6",))
    plain, residual, missing = sentences(by_budget(results, 0.01))
    assert plain.startswith(f"plain, from depth 20 to 56: {OPEN}; ")
    assert residual.startswith(f"residual, from depth 20 to 56: {HARMLESS}; ")
    assert missing == "Missing: plain-56-seed6."


def test_table_and_gaps_have_what_the_runs_have() -> None:
    judged = by_budget(sweep({12: FAR, 24: NEAR}), 0.01)
    assert [row[:2] for row in table(judged).rows] == [
        ("12", "plain"), ("12", "residual"), ("24", "plain"), ("24", "residual"),
    ]  # fmt: skip
    assert table(judged).rows[0][4:] == ("6 of 6", "+49.2 [+34.2, +64.2]", "degrades")  # t of 5 degrees: 2.571
    gaps = gaps_of(judged)
    assert gaps[(gaps["arm"] == "plain") & (gaps["epochs"] == 12)]["gap"].tolist() == pytest.approx(
        [100 * gap for gap in FAR]
    )


def test_the_files_hold_a_row_for_each_run(tmp_path: Path) -> None:
    write(by_budget(sweep({12: FAR, 24: NEAR}), 0.01), 0.01, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"budget.{kind}" for kind in ("png", "pdf", "csv")}
    rows = pd.read_csv(tmp_path / "budget.csv")
    assert len(rows) == 2 * 2 * 2 * 6
    assert not rows.duplicated(["arm", "epochs", "depth", "seed"]).any()
