import numpy as np
import pytest
from scipy import stats

from plainres.analysis.statistics import (
    Interval,
    fewest_seeds,
    holm,
    level_of_look,
    most_failures,
    seeds_to_decide,
    sign_flip_p,
    t_interval,
)

DRAWS = 2000


def test_the_interval_is_students() -> None:
    # Mean 2, deviation 1, and t of the tables for 95 % and 2 degrees of freedom: 4.3027.
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert (interval.low, interval.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)


def test_equal_values_have_a_point_for_an_interval() -> None:
    assert t_interval([0.1, 0.1, 0.1]) == Interval(0.1, 0.1, 0.1)


def test_an_interval_is_written_in_percentage_points() -> None:
    assert str(Interval(0.452, 0.38, 0.524)) == "+45.2 [+38.0, +52.4]"
    assert str(Interval(-0.001, -0.0023, 0.0)) == "-0.1 [-0.2, +0.0]"
    assert str(Interval(-0.0001, -0.0001, -0.0001)) == "+0.0 [+0.0, +0.0]"  # no negative zero


@pytest.mark.parametrize("count", [2, 3, 8, 11])
def test_sign_flips_give_the_p_of_scipys_exact_permutation_test(count: int) -> None:
    values = np.random.default_rng(count).normal(0.3, 1, count)
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(list(values)) == pytest.approx(expected.pvalue)


def test_sign_flips_of_values_that_are_all_positive_leave_one_pattern_of_all() -> None:
    assert sign_flip_p([0.1, 0.2, 0.3]) == 1 / 8
    assert sign_flip_p([0.1] * 30) == 2**-30
    assert sign_flip_p([0.0, 0.0]) == 1  # every pattern has this sum


def test_beyond_forty_values_patterns_are_drawn() -> None:
    values = list(np.random.default_rng(0).normal(0.2, 1, 60))
    # By the central limit theorem the sum is nearly normal.
    expected = stats.norm.sf(np.sum(values) / np.sqrt(np.sum(np.square(values))))
    assert sign_flip_p(values) == pytest.approx(expected, abs=0.01)
    assert sign_flip_p([1.0] * 50) == 1e-4  # of 9,999 draws, none but the observed one


def test_so_many_seeds_as_are_named_decide_in_four_of_five_repetitions() -> None:
    seen = [0.0, 0.04, 0.08]  # mean 0.04, deviation 0.04
    needed = seeds_to_decide(seen, 0.01, 0.025)
    assert needed is not None
    draws = np.random.default_rng(0)

    def share_decided(seeds: int) -> float:
        samples = draws.normal(0.04, 0.04, (DRAWS, seeds))
        half = stats.t.ppf(0.975, seeds - 1) * samples.std(axis=1, ddof=1) / seeds**0.5
        return float((samples.mean(1) - half > 0.01).mean())

    assert share_decided(needed) == pytest.approx(0.8, abs=0.05)
    assert share_decided(needed - 1) < share_decided(needed)


def test_what_no_thousand_seeds_decide_has_no_number() -> None:
    assert seeds_to_decide([0.0099, 0.0101], 0.01, 0.025) is None
    assert seeds_to_decide([0.01, 0.01], 0.01, 0.025) is None


def test_values_that_are_equal_are_decided_by_as_few_as_the_test_takes() -> None:
    assert seeds_to_decide([0.2, 0.2], 0.01, 0.025) == fewest_seeds(0.025) == 6
    assert seeds_to_decide([0.2, 0.2], 0.01, 0.0125) == fewest_seeds(0.0125) == 7


@pytest.mark.parametrize(("failed", "seeds"), [(0, 6), (1, 6), (5, 6), (6, 6), (0, 50), (3, 30)])
def test_the_bound_of_failures_is_clopper_and_pearsons(failed: int, seeds: int) -> None:
    expected = stats.binomtest(failed, seeds, alternative="less").proportion_ci(0.95, "exact").high
    assert most_failures(failed, seeds) == pytest.approx(expected)


def test_several_tests_are_corrected_as_rs_p_adjust_does() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([0.01]) == [0.01]


def test_looks_spend_half_of_what_the_one_before_did() -> None:
    assert level_of_look([]) == (0.025, 1)
    assert level_of_look([3, 5]) == (0.025, 1)  # which could decide nothing
    assert level_of_look([9, 6]) == (0.00625, 3)
    assert level_of_look([6, 6]) == (0.0125, 2)  # six can't decide at 0.0125
