import pandas as pd
import pytest

from plainres.analysis.statistics import Interval, paired_interval
from plainres.explain.paired_seeds import (
    answer,
    difference,
    geometric_spread,
    points,
    ratio,
    spread,
    three_digits,
    times,
)


def runs(*errors: float) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(errors)), "error": errors})


def test_networks_are_paired_by_seed_whatever_their_order() -> None:
    gap = difference(runs(0.3, 0.5, 0.7).iloc[::-1], runs(0.1, 0.3, 0.5), "error")
    assert gap is not None
    assert (gap.mean, gap.high - gap.low) == pytest.approx((0.2, 0.0), abs=1e-12)


def test_one_seed_says_nothing() -> None:
    assert paired_interval(pd.Series([0.5])) is None
    assert answer(None, "yes", "no") == "two seeds are needed to say more"


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([0.30, 0.31, 0.32], "yes"),
        ([0.0, 0.0, 0.001], "no"),
        ([-0.3, -0.31, -0.32], "no"),
        ([0.0, 0.2, 0.4], "the seeds differ too much to say which"),  # the interval is -0.30 to 0.70
        ([0.005, 0.006, 0.007], "no"),  # surely above 0, but below the margin
    ],
)
def test_the_interval_decides_against_a_margin_of_a_point(differences: list[float], said: str) -> None:
    assert answer(paired_interval(pd.Series(differences)), "yes", "no") == said


def test_means_stand_with_their_deviation_over_seeds() -> None:
    assert points(pd.Series([0.1, 0.2, 0.3])) == "20.0 ± 10.0"
    assert spread(pd.Series([0.5]), 2) == "0.50"
    assert spread(pd.Series([], dtype=float)) == "–"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([10.0, 1000.0], "100 ×/÷ 26"),  # exp of the deviation of their logarithms, ln(100) / sqrt(2)
        ([2.0], "2.00"),
        ([0.02, 0.02], "0.0200 ×/÷ 1"),
        ([1.0, -1.0], "–"),
        ([], "–"),
    ],
)
def test_values_that_differ_by_factors_have_their_geometric_mean(values: list[float], shown: str) -> None:
    assert geometric_spread(pd.Series(values, dtype=float)) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(2.0, "2.00"), (8904.4, "8904"), (-0.0123, "-0.0123"), (0.0, "0"), (float("inf"), "inf")]
)
def test_numbers_of_any_size_have_three_digits(value: float, shown: str) -> None:
    assert three_digits(value) == shown


def test_a_ratio_is_the_geometric_mean_of_each_seeds_with_the_interval_of_the_logarithms() -> None:
    # Ratios 10, 100 and 1000: log10 has mean 2 and deviation 1, and Student's t of two degrees of freedom is 4.3027.
    factor = ratio(runs(100.0, 100.0, 1.0).iloc[::-1], runs(10.0, 1.0, 0.001), "error")
    assert factor is not None
    half = 4.3027 / 3**0.5
    assert (factor.mean, factor.low, factor.high) == pytest.approx((100, 10 ** (2 - half), 10 ** (2 + half)), rel=1e-3)
    assert times(Interval(51.5, 43.7, 60.8)) == "51.5 times (95 % interval 43.7 to 60.8)"
    assert ratio(runs(1.0, 2.0), runs(1.0, 0.0), "error") is None
    assert ratio(runs(1.0, -2.0), runs(1.0, -1.0), "error") is None
    assert ratio(runs(1.0), runs(1.0), "error") is None
