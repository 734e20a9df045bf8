import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from plainres.analysis.results import SweepResults
from plainres.analysis.verdict import claim_of, judge, outcome_of, status_of
from plainres.errors import BadInput
from tests.analysis.synthetic import Errors, sweep_of

DEGRADING = {
    ("plain", 18): [0.05] * 6, ("plain", 34): [0.06, 0.07, 0.08, 0.055, 0.05, 0.09],
    ("plain", 50): [0.2, 0.25, 0.3] * 2,
}  # fmt: skip
STEADY = {("residual", 18): [0.05] * 6, ("residual", 34): [0.05] * 6, ("residual", 50): [0.048, 0.05, 0.052] * 2}


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
    # Gaps of plain 15, 20, 25 points, twice: t of 5 degrees of freedom is 2.5706, 2.5706 * 4.4721 / sqrt(6) = 4.7.
    # Of residual -0.2, 0, 0.2: half an interval is 0.2. Of the difference 15.2, 20, 24.8: 4.5.
    # All six gaps lie on one side of the margin: 1 / 2**6. None of six fails: 1 - 0.05**(1/6) is 39 %.
    assert verdict.outcome == "reproduced"
    assert verdict.lines == (
        "Reproduced: with depth plain trains worse by more than 1 percentage point, and residual doesn't.",
        "plain degrades: training error 5.0 % with 18 layers, 25.0 % with 50, where 6 of 6 seeds fail",
        "residual does not degrade: training error 5.0 % with 18 layers, 5.0 % with 50, where 0 of 6 seeds fail, "
        "so at most 39 % of all do",
        "By 6 seeds and a sign-flip test of whether the training error changes by more than 1 percentage point, at the "
        "2.5 % level. A seed fails if it ends above 10 % training error; what is said of all seeds holds with 95 % "
        "confidence.",
    )
    plain, residual = (verdict.gaps[arm][50] for arm in ("plain", "residual"))
    assert str(plain) == "+20.0 [+15.3, +24.7] (degrades, p = 0.0156; 6 of 6 seeds fail)"
    assert (
        str(residual)
        == "+0.0 [-0.2, +0.2] (does not degrade, p = 0.0156; 0 of 6 seeds fail, so at most 39 % of all do)"
    )
    assert str(verdict.difference) == "+20.0 [+15.5, +24.5]"


def test_every_depth_has_a_status_of_its_own() -> None:
    verdict = judge(sweep_of(DEGRADING | STEADY))
    assert {arm: {depth: gap.status for depth, gap in gaps.items()} for arm, gaps in verdict.gaps.items()} == {
        "plain": {34: "undecided", 50: "degrades"},  # 34 with gaps of 1, 2, 3, 0.5, 0 and 4 points
        "residual": {34: "does not degrade", 50: "does not degrade"},
    }


def test_five_seeds_that_agree_are_undecided_and_six_could_decide() -> None:
    five = {network: errors[:5] for network, errors in (DEGRADING | STEADY).items()}
    verdict = judge(sweep_of(five))
    assert verdict.outcome == "undecided"
    assert {gap.p for gap in (verdict.gaps["plain"][50], verdict.gaps["residual"][50])} == {1 / 32}
    assert verdict.sentence == (
        "Undecided: it can't be said yet of plain or residual whether it trains worse by more than 1 percentage point "
        "with depth; about 6 seeds would probably decide."
    )


def test_an_arm_of_which_a_seed_failed_is_never_said_not_to_degrade() -> None:
    close = {("residual", 18): [0.099] * 6, ("residual", 50): [0.08] * 5 + [0.101]}  # whose gap is below the margin
    verdict = judge(sweep_of(DEGRADING | close))
    gap = verdict.gaps["residual"][50]
    assert (gap.status, gap.p, gap.failed, gap.seeds) == ("undecided", 1 / 64, 1, 6)
    assert verdict.outcome == "undecided"
    one_far = {("residual", 18): [0.0] * 6, ("residual", 50): [0.0] * 5 + [0.88]}
    assert judge(sweep_of(DEGRADING | one_far)).gaps["residual"][50].status == "undecided"


def test_each_further_look_has_half_the_level_unless_the_earlier_one_could_decide_nothing() -> None:
    six = sweep_of(DEGRADING | STEADY)
    assert judge(replace(six, looks=(2, 5))).outcome == "reproduced"
    second = judge(replace(six, looks=(6,)))
    assert second.outcome == "undecided"  # 1 / 64 > 0.0125
    assert "at the 1.25 % level, second look at these networks." in second.basis
    assert "about 7 seeds would" in second.sentence  # six can decide nothing at that level, and spend none of it
    eight = sweep_of({network: [*errors, *errors[:2]] for network, errors in (DEGRADING | STEADY).items()})
    assert judge(replace(eight, looks=(5, 6))).outcome == "reproduced"
    third = judge(replace(eight, looks=(7, 6)))
    assert (third.outcome, "at the 0.625 % level, third look" in third.basis) == ("reproduced", True)


def test_networks_that_have_not_learnt_at_the_shallowest_depth_are_undertrained() -> None:
    early = {(arm, depth): [0.5 + depth / 200] * 6 for arm in ("plain", "residual") for depth in (18, 50)}
    verdict = judge(sweep_of(early))
    assert verdict.outcome == "undertrained"
    assert verdict.sentence == (
        "Undertrained: with 18 layers plain and residual already end above 10 % training error; what depth does has "
        "not been asked yet, and takes more epochs."
    )
    assert verdict.arms[0] == "plain: training error 59.0 % with 18 layers, 75.0 % with 50, where 6 of 6 seeds fail"
    assert judge(sweep_of({**early, ("residual", 18): [0.09] * 6})).outcome != "undertrained"
    third = {("residual:shortcut=C", depth): [0.5] * 6 for depth in (18, 50)}  # more seeds would be no help to it
    assert judge(sweep_of({**early, **third})).others == (
        "residual:shortcut=C: training error 50.0 % with 18 layers, 50.0 % with 50, where 6 of 6 seeds fail",
    )


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
    tenth = {("residual", 18): [0.0] * 6, ("residual", 50): [0.001, 0.0011, 0.0012] * 2}
    sweep = sweep_of({("plain", 18): [0.0] * 6, ("plain", 50): [0.03, 0.031, 0.032] * 2} | tenth)
    assert judge(sweep).outcome == "reproduced"
    assert judge(sweep, margin=0).gaps["residual"][50].status == "degrades"
    assert judge(sweep, margin=0.5).outcome == "not reproduced"


def test_what_is_undecided_says_how_many_seeds_would_do() -> None:
    wide = [0.05, 0.35, 0.65] * 2
    verdict = judge(sweep_of({**DEGRADING, ("plain", 50): wide} | STEADY))
    assert verdict.outcome == "undecided"
    gaps = np.subtract(wide, 0.05)
    shift, spread = gaps.mean() - 0.01, gaps.std(ddof=1)
    level = 0.025 / 2  # of the next look
    enough = next(
        seeds
        for seeds in range(7, 1000)
        if stats.nct.sf(stats.t.isf(level, seeds - 1), seeds - 1, shift / spread * seeds**0.5) >= 0.8
    )
    assert verdict.sentence == (
        "Undecided: it can't be said yet of plain whether it trains worse by more than 1 percentage point with depth; "
        f"about {enough} seeds would probably decide."
    )
    on_the_margin = {**DEGRADING, ("plain", 50): [0.059, 0.06, 0.061] * 2}
    assert "at this spread not even 1,000 seeds would" in judge(sweep_of(on_the_margin | STEADY)).sentence


def test_a_point_on_the_margin_is_undecided() -> None:
    for gap, status in ((0.01, "undecided"), (0.0101, "degrades"), (0.0099, "does not degrade")):
        assert status_of(*claim_of([gap] * 6, 0.01), failed=0) == status


def test_other_arms_get_a_line_each_and_differences_from_plain_and_residual() -> None:
    others = {
        ("plain:lr=0.01", 18): [0.05] * 6, ("plain:lr=0.01", 50): [0.1] * 6,
        ("residual:shortcut=C", 18): [0.05] * 6, ("residual:shortcut=C", 50): [0.05] * 6,
    }  # fmt: skip
    ends = {key: values for key, values in (DEGRADING | STEADY).items() if key[1] != 34}
    verdict = judge(sweep_of(ends | others))
    assert verdict.outcome == "reproduced"
    # Two further arms: by Holm's method the smaller p, 1 / 64, counts twice.
    assert verdict.basis.endswith(" Arms beyond the first plain and residual one are corrected by Holm's method.")
    assert verdict.others == (
        "plain:lr=0.01 is undecided: training error 5.0 % with 18 layers, 10.0 % with 50, where 0 of 6 seeds fail, "
        "so at most 39 % of all do; about 7 seeds would probably decide",
        "residual:shortcut=C is undecided: training error 5.0 % with 18 layers, 5.0 % with 50, where 0 of 6 seeds "
        "fail, so at most 39 % of all do; about 7 seeds would probably decide",
    )
    assert {verdict.gaps[arm][50].p for arm in verdict.differences} == {1 / 32}
    assert {arm: {other: str(each) for other, each in of.items()} for arm, of in verdict.differences.items()} == {
        "plain:lr=0.01": {"plain": "-15.0 [-19.7, -10.3]", "residual": "+5.0 [+4.8, +5.2]"},
        "residual:shortcut=C": {"plain": "-20.0 [-24.7, -15.3]", "residual": "+0.0 [-0.2, +0.2]"},
    }
    seven = sweep_of({network: [*errors, errors[0]] for network, errors in (ends | others).items()})
    assert [judge(seven).gaps[arm][50].status for arm in ("plain:lr=0.01", "residual:shortcut=C")] == [
        "degrades",
        "does not degrade",
    ]


def test_two_seeds_are_enough_for_a_difference_and_one_is_not() -> None:
    two = {(arm, depth): [0.1, 0.1] for arm in ("plain", "residual", "plain:lr=0.01") for depth in (18, 50)}
    verdict = judge(sweep_of(two))
    assert (
        str(verdict.gaps["plain:lr=0.01"][50])
        == "+0.0 [+0.0, +0.0] (undecided, p = 0.25; 0 of 2 seeds fail, so at most 78 % of all do)"
    )
    assert list(verdict.differences["plain:lr=0.01"]) == ["plain", "residual"]
    one = judge(taken(two, "arm != 'residual' or seed == 0"))
    assert list(one.differences["plain:lr=0.01"]) == ["plain"]


def test_where_a_seed_that_failed_forbids_a_claim_no_number_of_seeds_is_said_to_decide() -> None:
    improving = {("residual", 18): [0.3] * 6, ("residual", 50): [0.12, 0.2, 0.15, 0.2, 0.11, 0.05]}
    verdict = judge(sweep_of({**DEGRADING, **improving}))
    gap = verdict.gaps["residual"][50]
    assert (gap.p, gap.status, gap.is_forbidden, gap.failed) == (1 / 64, "undecided", True, 5)
    assert verdict.sentence.endswith(
        "with depth; more seeds won't decide, since one that fails forbids to say that it doesn't."
    )


def test_without_a_bare_arm_the_first_of_its_variant_stands_for_it() -> None:
    named = {(f"{arm}:lr=0.1", depth): values for (arm, depth), values in (DEGRADING | STEADY).items()}
    verdict = judge(sweep_of(named))
    assert verdict.outcome == "reproduced"
    assert "plain:lr=0.1 trains worse by more than 1 percentage point, and residual:lr=0.1 doesn't" in verdict.sentence


def test_diverged_runs_count_with_the_error_they_ended_at() -> None:
    diverged = {**DEGRADING, ("plain", 50): [0.9] * 6}
    verdict = judge(sweep_of(diverged | STEADY, diverged=True))
    assert verdict.outcome == "reproduced"
    assert verdict.gaps["plain"][50].interval.mean == pytest.approx(0.85)


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
        (sweep_of({key: errors[:1] for key, errors in (DEGRADING | STEADY).items()}), "2 seeds"),
        (sweep_of({("plain", 18): [0.1, 0.2], ("residual", 18): [0.1, 0.2]}), "two depths"),
        (sweep_of(DEGRADING), "both variants"),
        (sweep_of({}, missing=("plain-18-seed0",)), "plain-18-seed0"),
        (taken(DEGRADING | STEADY, "arm != 'plain' or depth == 18"), "share no two seeds"),
        (taken(DEGRADING | STEADY, "arm != 'plain' or seed == 0"), "share no two seeds"),
        (
            sweep_of({**DEGRADING, **STEADY, ("plain", 50): [0.1, math.nan, math.inf]}),
            "plain-50-seed1, plain-50-seed2",
        ),
    ],
)
def test_without_the_runs_for_it_the_verdict_is_incomplete(sweep: SweepResults, words: str) -> None:
    if not sweep.params["depths"]:
        sweep = replace(sweep, params={"arms": "plain residual", "depths": "18 50", "seeds": "0 1"})
    verdict = judge(sweep)
    assert verdict.outcome == "incomplete"
    assert words in verdict.sentence


def test_one_variant_alone_still_has_its_line() -> None:
    arms = judge(sweep_of(DEGRADING)).arms
    assert arms == ("plain degrades: training error 5.0 % with 18 layers, 25.0 % with 50, where 6 of 6 seeds fail",)


@pytest.mark.parametrize(
    ("plain", "residual", "sentence"),
    [
        (0.0, 0.0, "Not reproduced: with depth plain and residual don't train worse by more than 1 percentage point."),
        (0.5, 0.5, "Not reproduced: with depth plain and residual train worse by more than 1 percentage point."),
        (
            0.0,
            0.5,
            "Not reproduced: with depth residual trains worse by more than 1 percentage point, and plain doesn't.",
        ),
    ],
)
def test_what_is_not_reproduced_says_what_both_arms_do(plain: float, residual: float, sentence: str) -> None:
    ends = {("plain", 50): [plain] * 6, ("residual", 50): [residual] * 6}
    starts = {("plain", 18): [0.0] * 6, ("residual", 18): [0.0] * 6}
    assert judge(sweep_of(starts | ends)).sentence == sentence


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(BadInput, match="margin"):
        judge(sweep_of(DEGRADING | STEADY), margin=margin)
