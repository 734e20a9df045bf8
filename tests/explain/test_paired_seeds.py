import pandas as pd
import pytest

from plainres.analysis.statistics import paired_interval
from plainres.explain.paired_seeds import answer, difference, points, spread, spread_of_any_size


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
        ([1.0, 3.0], "2.00 ± 1.41"),
        ([1000.0, 3000.0], "2000 ± 1414"),
        ([0.01, 0.03], "0.0200 ± 0.0141"),
        ([0.0, 0.0], "0 ± 0"),
        ([float("inf"), 1.0], "inf ± nan"),
        ([], "–"),
    ],
)
def test_numbers_of_any_size_have_three_digits(values: list[float], shown: str) -> None:
    assert spread_of_any_size(pd.Series(values, dtype=float)) == shown
