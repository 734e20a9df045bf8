import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from plainres.analysis.results import SweepResults
from plainres.analysis.verdict import judge, outcome_of, status_of
from plainres.errors import BadInput
from tests.analysis.synthetic import Errors, sweep_of

DEGRADING = {("plain", 18): [0.1, 0.1, 0.1], ("plain", 34): [0.11, 0.12, 0.13], ("plain", 50): [0.2, 0.25, 0.3]}
STEADY = {
    ("residual", 18): [0.1, 0.1, 0.1], ("residual", 34): [0.1, 0.1, 0.1], ("residual", 50): [0.098, 0.1, 0.102],
}  # fmt: skip
DRAWS = 2000


def taken(errors: Errors, condition: str) -> SweepResults:
    """A sweep of which a person has taken only some of the runs."""
    sweep = sweep_of(errors)
    return replace(sweep, runs=sweep.runs.query(condition))


def test_gaps_are_paired_by_seed() -> None:
    verdict = judge(sweep_of({("plain", 18): [0.1, 0.5], ("plain", 50): [0.2, 0.6]}))
    gap = verdict.gaps["plain"][50]
    assert (gap.interval.low, gap.interval.high) == pytest.approx((0.1, 0.1))


def test_plain_that_degrades_where_residual_does_not_is_reproduced() -> None:
    verdict = judge(sweep_of(DEGRADING | STEADY))
    # Gaps of plain 10, 15, 20 points: t of 2 degrees of freedom is 4.3027, 4.3027 * 5 / sqrt(3) = 12.4.
    # Of residual -0.2, 0, 0.2: half an interval is 0.5. Of the difference 10.2, 15, 19.8: 11.9.
    assert verdict.outcome == "reproduced"
    assert verdict.sentence == (
        "Reproduced: from depth 18 to 50 the final training error changes by +15.0 [+2.6, +27.4] (degrades, p = 0.125) "
        "for plain and by +0.0 [-0.5, +0.5] (does not degrade, p = 0.75) for residual; the difference, what the "
        "shortcut is worth, is +15.0 [+3.1, +26.9]. (Mean and 95 % t interval over 3 seeds, in percentage points; what "
        "counts is more than 1; p of the one-sided sign-flip test.)"
    )
    assert verdict.others == ()


def test_every_depth_has_a_status_of_its_own() -> None:
    verdict = judge(sweep_of(DEGRADING | STEADY))
    assert {arm: {depth: gap.status for depth, gap in gaps.items()} for arm, gaps in verdict.gaps.items()} == {
        # Gaps of 1, 2, 3 points: 2 +- 2.5.
        "plain": {34: "undecided", 50: "degrades"},
        "residual": {34: "does not degrade", 50: "does not degrade"},
    }


@pytest.mark.parametrize(
    ("plain", "residual", "outcome"),
    [
        ("degrades", "does not degrade", "reproduced"),
        ("does not degrade", "does not degrade", "not reproduced"),
        ("does not degrade", "undecided", "not reproduced"),
        ("does not degrade", "degrades", "not reproduced"),
        ("degrades", "degrades", "not reproduced"),
        ("undecided", "degrades", "not reproduced"),
        ("undecided", "does not degrade", "undecided"),
        ("undecided", "undecided", "undecided"),
        ("degrades", "undecided", "undecided"),
    ],
)
def test_the_outcome_follows_from_what_both_arms_do(plain: str, residual: str, outcome: str) -> None:
    assert outcome_of(plain, residual) == outcome  # type: ignore[arg-type]


def test_a_change_within_the_margin_is_no_degradation() -> None:
    tenth = {("residual", 18): [0.0, 0.0, 0.0], ("residual", 50): [0.001, 0.0011, 0.0012]}
    sweep = sweep_of({("plain", 18): [0.0, 0.0, 0.0], ("plain", 50): [0.3, 0.31, 0.32]} | tenth)
    assert judge(sweep).outcome == "reproduced"
    assert judge(sweep, margin=0).gaps["residual"][50].status == "degrades"
    assert judge(sweep, margin=0.5).outcome == "not reproduced"


def test_an_interval_that_covers_the_margin_is_undecided_and_says_how_many_seeds_would_do() -> None:
    wide = {**DEGRADING, ("plain", 50): [0.1, 0.4, 0.7]}
    verdict = judge(sweep_of(wide | STEADY))
    assert verdict.outcome == "undecided"
    # Gaps of 0, 30, 60 points against 1: noncentral t gives 80 % at 11 seeds.
    assert "At the spread seen, about 11 seeds would probably decide." in verdict.sentence
    on_the_margin = {**DEGRADING, ("plain", 50): [0.109, 0.11, 0.111]}
    assert "not even 1,000 seeds would" in judge(sweep_of(on_the_margin | STEADY)).sentence


def test_a_point_on_the_margin_is_undecided() -> None:
    assert status_of([0.01, 0.01], 0.01) == "undecided"
    assert status_of([0.0101, 0.0101], 0.01) == "degrades"
    assert status_of([0.0099, 0.0099], 0.01) == "does not degrade"


@pytest.mark.parametrize(("seeds", "draw"), [*product((3, 10), ("normal", "uniform"))])
def test_a_change_of_just_the_margin_is_seldom_called_one_or_the_other(seeds: int, draw: str) -> None:
    """Each claim is wrong in 2.5 % of draws at most, where the truth is at the border."""
    generator = np.random.default_rng(0)
    spread = generator.normal if draw == "normal" else lambda *of: 3**0.5 * generator.uniform(-1, 1, of[2])
    gaps = 0.01 + 0.02 * spread(0, 1, (DRAWS, seeds))
    claims = [status_of(list(values), 0.01) for values in gaps]
    allowed = 0.025 + 0.01 if draw == "normal" else 0.05  # of three uniform values, the tails are a little too thin
    assert 0.005 < claims.count("degrades") / DRAWS < allowed
    assert 0.005 < claims.count("does not degrade") / DRAWS < allowed


def test_other_arms_get_a_sentence_each_against_plain_and_residual() -> None:
    others = {
        ("plain:lr=0.01", 18): [0.1, 0.1, 0.1], ("plain:lr=0.01", 50): [0.15, 0.15, 0.15],
        ("residual:shortcut=C", 18): [0.1, 0.1, 0.1], ("residual:shortcut=C", 50): [0.1, 0.1, 0.1],
    }  # fmt: skip
    ends = {key: values for key, values in (DEGRADING | STEADY).items() if key[1] != 34}
    verdict = judge(sweep_of(ends | others))
    assert verdict.outcome == "reproduced"
    assert verdict.others == (
        "plain:lr=0.01 from depth 18 to 50: +5.0 [+5.0, +5.0] (degrades, p = 0.125); the difference is "
        "-10.0 [-22.4, +2.4] from plain and +5.0 [+4.5, +5.5] from residual.",
        "residual:shortcut=C from depth 18 to 50: +0.0 [+0.0, +0.0] (does not degrade, p = 1); the difference is "
        "-15.0 [-27.4, -2.6] from plain and +0.0 [-0.5, +0.5] from residual.",
    )


def test_two_seeds_are_enough_for_a_difference_and_one_is_not() -> None:
    two = {(arm, depth): [0.1, 0.1] for arm in ("plain", "residual", "plain:lr=0.01") for depth in (18, 50)}
    assert judge(sweep_of(two)).others == (
        "plain:lr=0.01 from depth 18 to 50: +0.0 [+0.0, +0.0] (does not degrade, p = 1); the difference is "
        "+0.0 [+0.0, +0.0] from plain and +0.0 [+0.0, +0.0] from residual.",
    )
    (other,) = judge(taken(two, "arm != 'residual' or seed == 0")).others[-1:]
    assert other.endswith("the difference is +0.0 [+0.0, +0.0] from plain.")


def test_without_a_bare_arm_the_first_of_its_variant_stands_for_it() -> None:
    named = {(f"{arm}:lr=0.1", depth): values for (arm, depth), values in (DEGRADING | STEADY).items()}
    verdict = judge(sweep_of(named))
    assert verdict.outcome == "reproduced"
    assert "for plain:lr=0.1 and by" in verdict.sentence


def test_diverged_runs_count_with_the_error_they_ended_at() -> None:
    diverged = {**DEGRADING, ("plain", 50): [0.9, 0.9, 0.9]}
    verdict = judge(sweep_of(diverged | STEADY, diverged=True))
    assert verdict.outcome == "reproduced"
    assert verdict.gaps["plain"][50].interval.mean == pytest.approx(0.8)


def test_without_its_shallowest_runs_an_arm_has_no_gaps() -> None:
    sweep = sweep_of(DEGRADING | STEADY, missing=("plain-18-seed0",))
    without = replace(sweep, runs=sweep.runs[(sweep.runs["arm"] != "plain") | (sweep.runs["depth"] != 18)])
    verdict = judge(without)
    assert verdict.gaps["plain"] == {}
    assert verdict.gaps["residual"][50].interval.mean == pytest.approx(0)


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        (sweep_of(DEGRADING | STEADY, missing=("plain-50-seed3",)), "aren't finished (plain-50-seed3)"),
        (
            sweep_of(DEGRADING | STEADY, missing=tuple("abcdefgh")),
            "of the runs asked for, 8 aren't finished (a, b, c, d, e and 3 more).",
        ),
        (sweep_of(DEGRADING | STEADY, missing=tuple("abcde")), "5 aren't finished (a, b, c, d, e)."),
        (sweep_of({key: errors[:1] for key, errors in (DEGRADING | STEADY).items()}), "two seeds"),
        (sweep_of({("plain", 18): [0.1, 0.2], ("residual", 18): [0.1, 0.2]}), "two depths"),
        (sweep_of(DEGRADING), "both variants"),
        (sweep_of({}, missing=("plain-18-seed0",)), "plain-18-seed0"),
        (taken(DEGRADING | STEADY, "arm != 'plain' or depth == 18"), "share no two seeds"),
        (taken(DEGRADING | STEADY, "arm != 'plain' or seed == 0"), "share no two seeds"),
        (sweep_of({**DEGRADING, **STEADY, ("plain", 50): [0.1, math.nan, math.inf]}), "plain-50-seed1, plain-50-seed2"),
    ],
)
def test_without_the_runs_for_it_the_verdict_is_incomplete(sweep: SweepResults, words: str) -> None:
    if not sweep.params["depths"]:
        sweep = replace(sweep, params={"arms": "plain residual", "depths": "18 50", "seeds": "0 1"})
    verdict = judge(sweep)
    assert verdict.outcome == "incomplete"
    assert words in verdict.sentence


def test_one_variant_alone_still_has_its_sentences() -> None:
    others = judge(sweep_of(DEGRADING)).others
    assert others == ("plain from depth 18 to 50: +15.0 [+2.6, +27.4] (degrades, p = 0.125).",)


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(BadInput, match="margin"):
        judge(sweep_of(DEGRADING | STEADY), margin=margin)
