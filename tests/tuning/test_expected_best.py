"""Expected best values against a direct simulation, and by hand."""

from itertools import combinations

import numpy as np
import pytest

from plainres.tuning.study_table import expected_best

LOSSES = [0.9, 0.31, 2.3, 0.31, 1.4, 0.75, 4.0, 0.52]


def test_the_expected_best_is_the_mean_over_all_choices_of_so_many() -> None:
    mean, low, high = expected_best(LOSSES)
    for n in range(1, len(LOSSES) + 1):
        found = np.array([min(choice) for choice in combinations(LOSSES, n)])
        assert mean[n - 1] == pytest.approx(found.mean())
        below, above = np.quantile(found, [0.025, 0.975], method="inverted_cdf")
        assert (low[n - 1], high[n - 1]) == (below, above)


def test_it_is_unbiased_where_drawing_with_replacement_is_not() -> None:
    generator = np.random.default_rng(0)
    searches = generator.exponential(1, (4000, 10))
    estimates = np.array([expected_best(search)[0][4] for search in searches])
    true = 1 / 5  # the mean of the lowest of five exponential values
    assert estimates.mean() == pytest.approx(true, abs=4 * estimates.std() / 4000**0.5)
    with_replacement = np.sort(searches) @ -np.diff(
        (1 - np.arange(11) / 10) ** 5
    )  # Dodge et al. 2019, equations 5 to 7
    assert with_replacement.mean() > true + 10 * with_replacement.std() / 4000**0.5


def test_one_draw_is_worth_the_mean_and_all_of_them_the_lowest() -> None:
    mean, low, high = expected_best([1.0, 3.0])
    assert list(mean) == [2.0, 1.0]
    assert (list(low), list(high)) == ([1.0, 1.0], [3.0, 1.0])


def test_a_thousand_trials_are_no_number_too_large() -> None:
    mean, _, _ = expected_best(np.arange(1500.0).tolist())
    assert mean[0] == pytest.approx(749.5)
    assert mean[749] == pytest.approx(
        (1501 / 751) - 1
    )  # the lowest of n of the numbers 0 to N - 1: (N + 1) / (n + 1) - 1


def test_equal_trials_are_worth_no_more_of_many() -> None:
    for values in expected_best([0.5, 0.5, 0.5]):
        assert list(values) == pytest.approx([0.5] * 3)
