"""Expected best values against a direct simulation, and by hand."""

import numpy as np
import pytest

from plainres.tuning.study_table import expected_best

LOSSES = [0.9, 0.31, 2.3, 0.31, 1.4, 0.75, 4.0, 0.52]


def test_the_expected_best_is_the_mean_of_what_repeated_searches_find() -> None:
    mean, low, high = expected_best(LOSSES)
    generator = np.random.default_rng(0)
    for n in range(1, len(LOSSES) + 1):
        found = generator.choice(LOSSES, (100_000, n)).min(axis=1)
        assert mean[n - 1] == pytest.approx(found.mean(), abs=4 * found.std() / 100_000**0.5 + 1e-12)
        below, above = np.quantile(found, [0.025, 0.975], method="inverted_cdf")
        assert (low[n - 1], high[n - 1]) == (below, above)


def test_one_draw_is_worth_the_mean_and_of_two_by_hand() -> None:
    mean, low, high = expected_best([1.0, 3.0])
    # Two draws of two values: both are 3 in one case of four.
    assert list(mean) == [2.0, 1.5]
    assert (list(low), list(high)) == ([1.0, 1.0], [3.0, 3.0])


def test_equal_trials_are_worth_no_more_of_many() -> None:
    for values in expected_best([0.5, 0.5, 0.5]):
        assert list(values) == pytest.approx([0.5] * 3)
