from dataclasses import replace

import pandas as pd
import pytest

from plainres.analysis.results import SweepResults
from plainres.analysis.verdict import Interval, judge, t_interval

# Errors by variant and depth, one a seed.
DEGRADING = {("plain", 18): [0.1, 0.1, 0.1], ("plain", 34): [0.11, 0.12, 0.13], ("plain", 50): [0.2, 0.25, 0.3]}
STEADY = {("residual", 18): [0.1, 0.1, 0.1], ("residual", 34): [0.1, 0.1, 0.1], ("residual", 50): [0.08, 0.1, 0.12]}


def results(errors: dict[tuple[str, int], list[float]], missing: tuple[str, ...] = ()) -> SweepResults:
    rows = [
        {"variant": variant, "depth": depth, "seed": seed, "train_error": error}
        for (variant, depth), values in errors.items()
        for seed, error in enumerate(values)
    ]
    runs = pd.DataFrame(rows, columns=["variant", "depth", "seed", "train_error"])
    params = {
        "variants": " ".join(dict.fromkeys(variant for variant, _ in errors)),
        "depths": " ".join(dict.fromkeys(str(depth) for _, depth in errors)),
        "seeds": " ".join(str(seed) for seed in range(max(map(len, errors.values()), default=0))),
    }
    return SweepResults("", "", "", params, "", runs, missing)


def test_the_interval_is_students() -> None:
    # Mean 2, deviation 1, and t of the tables for 95 % and 2 degrees of freedom: 4.3027.
    interval = t_interval(pd.Series([1.0, 2.0, 3.0]))
    assert interval.mean == 2
    assert (interval.low, interval.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert t_interval(pd.Series([0.25, 0.25])) == Interval(0.25, 0.25, 0.25)


def test_gaps_are_paired_by_seed() -> None:
    verdict = judge(results({("plain", 18): [0.1, 0.5], ("plain", 50): [0.2, 0.6]}))
    assert verdict.gaps["plain"][50].low == pytest.approx(0.1)
    assert verdict.gaps["plain"][50].high == pytest.approx(0.1)


def test_plain_that_degrades_where_residual_does_not_is_reproduced() -> None:
    verdict = judge(results(DEGRADING | STEADY))
    assert verdict.outcome == "reproduced"
    # Gaps of plain 0.1, 0.15, 0.2; of residual -0.02, 0, 0.02; differences 0.12, 0.15, 0.18.
    half = 4.3027 * 0.03 / 3**0.5
    assert verdict.difference is not None
    assert (verdict.difference.low, verdict.difference.high) == pytest.approx((0.15 - half, 0.15 + half), abs=1e-4)
    assert "for plain networks (degrades)" in verdict.sentence
    assert "for residual ones (does not degrade)" in verdict.sentence


def test_an_interval_that_covers_0_is_not_reproduced() -> None:
    wide = {**DEGRADING, ("plain", 50): [0.1, 0.1, 0.7]}
    verdict = judge(results(wide | STEADY))
    assert verdict.outcome == "not reproduced"
    assert "for plain networks (does not degrade)" in verdict.sentence


def test_plain_that_improves_with_depth_is_not_reproduced() -> None:
    better = {**DEGRADING, ("plain", 50): [0.01, 0.02, 0.03]}
    assert judge(results(better | STEADY)).outcome == "not reproduced"


def test_residual_that_degrades_as_much_is_not_reproduced() -> None:
    alike = {("residual", depth): errors for (_, depth), errors in DEGRADING.items()}
    verdict = judge(results(DEGRADING | alike))
    assert verdict.outcome == "not reproduced"
    assert "for residual ones (degrades)" in verdict.sentence


def test_without_its_shallowest_runs_a_variant_has_no_gaps() -> None:
    sweep = results(DEGRADING | STEADY, missing=("plain-18-seed0",))
    without = replace(sweep, runs=sweep.runs[(sweep.runs["variant"] != "plain") | (sweep.runs["depth"] != 18)])
    verdict = judge(without)
    assert verdict.gaps["plain"] == {}
    assert verdict.gaps["residual"][50].mean == pytest.approx(0)


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        (results(DEGRADING | STEADY, missing=("plain-50-seed3",)), "plain-50-seed3"),
        (results({key: errors[:1] for key, errors in (DEGRADING | STEADY).items()}), "two seeds"),
        (results({("plain", 18): [0.1, 0.2], ("residual", 18): [0.1, 0.2]}), "two depths"),
        (results(DEGRADING), "both variants"),
        (results({}, missing=("plain-18-seed0",)), "plain-18-seed0"),
    ],
)
def test_without_the_runs_for_it_there_is_no_verdict(sweep: SweepResults, words: str) -> None:
    verdict = judge(sweep)
    assert verdict.outcome == "inconclusive"
    assert words in verdict.sentence
