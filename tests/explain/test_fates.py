"""Each arm's fate with depth, of errors whose gaps can be told by eye."""

from plainres.analysis import judge
from plainres.explain.cures import fate_of, fates_sentence
from tests.analysis.synthetic import sweep_of

RESULTS = sweep_of(
    {
        ("plain", 8): [0.0, 0.01] * 5,
        ("plain", 20): [0.5, 0.51] * 5,
        ("plain:init=dirac", 8): [0.0, 0.0] * 5,
        ("plain:init=dirac", 20): [0.001, 0.001] * 5,
        ("plain:init=orthogonal", 8): [0.0, 0.0] * 5,
        ("plain:init=orthogonal", 20): [0.0, 0.9] * 5,
        ("residual", 8): [0.89, 0.89] * 5,
        ("residual", 20): [0.89, 0.89] * 5,
        ("residual:block=pre", 8): [0.1, 0.1] * 5,
        ("residual:block=pre", 20): [0.1, 0.1] * 5,
        ("residual:norm=none", 8): [0.0, 0.0] * 5,
    }
)
VERDICT = judge(RESULTS)


def test_an_arm_that_fails_at_the_shallowest_depth_is_not_said_to_be_cured() -> None:
    assert {arm: fate_of(arm, RESULTS, VERDICT) for arm in RESULTS.arms} == {
        "plain": "degrades",
        "plain:init=dirac": "does not degrade",
        "plain:init=orthogonal": "undecided",
        "residual": "above 10 % at the shallowest depth already",
        "residual:block=pre": "does not degrade",
        "residual:norm=none": "runs are missing",
    }


def test_the_sentence_names_every_arm_under_its_fate() -> None:
    assert fates_sentence(RESULTS, VERDICT) == (
        "From depth 8 to 20 (10 seeds, margin 1 in percentage points): degrades: plain (+50.0); does not degrade: "
        "plain:init=dirac, residual:block=pre; undecided: plain:init=orthogonal; above 10 % at the shallowest depth "
        "already: residual; runs are missing: residual:norm=none."
    )


def test_one_seed_is_judged_no_fate_though_no_run_is_missing() -> None:
    alone = sweep_of({(arm, depth): [0.0] for arm in ("plain", "residual") for depth in (8, 20)})
    assert fates_sentence(alone, judge(alone)) == (
        "From depth 8 to 20 (1 seed, margin 1 in percentage points): not judged, which takes two depths and two seeds: "
        "plain, residual."
    )
