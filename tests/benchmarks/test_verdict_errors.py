"""How often rules err where that can be computed."""

import pytest

from tests.benchmarks.verdict_errors import BOTH, RULES, Truth, mixed, normal, shares, tied


@pytest.mark.parametrize("seeds", [5, 6, 9])
def test_rare_failures_are_missed_as_often_as_no_seed_shows_one(seeds: int) -> None:
    truth = Truth("one seed in ten fails", mixed(0.1), ("does not degrade",))
    missed = shares(truth, seeds, draws=2000)["t interval"][0]
    assert missed == pytest.approx(0.9**seeds, abs=0.04)  # 3.5 standard deviations of a share of 2,000


def test_a_t_interval_of_normal_gaps_at_the_margin_errs_in_one_case_of_forty_each_way() -> None:
    degrades, does_not = shares(Truth("normal", normal(1, 5), BOTH), 6, draws=2000)["t interval"]
    assert (degrades, does_not) == (pytest.approx(0.025, abs=0.0125), pytest.approx(0.025, abs=0.0125))


def test_five_seeds_are_too_few_for_sign_flips_at_one_in_forty() -> None:
    always = Truth("normal, far above the margin", normal(50, 1), ("does not degrade",), "degrades")  # 1 / 2**5 > 0.025
    assert shares(always, 5, draws=50)["sign flips"] == (0, 0)
    assert shares(always, 6, draws=50)["sign flips"] == (0, 1)
    assert set(RULES) == set(shares(always, 6, draws=1))


@pytest.mark.parametrize("seeds", [6, 9])
def test_the_rule_keeps_its_level_for_symmetric_gaps_and_misses_what_no_seed_shows(seeds: int) -> None:
    for truth in (Truth("normal", normal(1, 2), BOTH), Truth("tied", tied(1), BOTH)):
        for share in shares(truth, seeds, draws=2000)["the rule"]:
            assert share < 0.025 + 0.0125
    (missed,) = shares(Truth("one in ten fails", mixed(0.1), BOTH[1:]), seeds, draws=2000)["the rule"]
    assert missed == pytest.approx(0.9**seeds, abs=0.04)  # no seed that was seen failed
