import math

import pytest

from plainres.analysis.results import epochs_to_target, gradient_growth


def test_the_first_epoch_at_10_percent_error_counts() -> None:
    assert epochs_to_target({1: 0.5, 2: 0.89, 3: 0.9, 4: 0.8, 5: 0.99}) == 3
    assert math.isnan(epochs_to_target({1: 0.5, 2: 0.89}))
    assert math.isnan(epochs_to_target({1: math.nan}))
    assert math.isnan(epochs_to_target({}))


def test_norms_that_double_from_layer_to_layer_towards_the_input_grow_by_2() -> None:
    assert gradient_growth([16.0, 8.0, 4.0, 2.0]) == pytest.approx(2)
    assert gradient_growth([2.0, 4.0, 8.0]) == pytest.approx(0.5)
    assert gradient_growth([3.0, 3.0, 3.0]) == pytest.approx(1)


def test_norms_that_are_lost_are_left_out_where_they_stand() -> None:
    assert gradient_growth([math.inf, 8.0, 0.0, 2.0, math.nan]) == pytest.approx(2)
    assert gradient_growth([1e38, 1e37, 1e36]) == pytest.approx(10)
    assert gradient_growth([math.inf, math.inf, 1.0]) == math.inf
    assert math.isnan(gradient_growth([]))
    assert math.isnan(gradient_growth([1.0]))
