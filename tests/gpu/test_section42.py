import pytest

from tests.gpu.scale import FULL
from tests.gpu.section42 import choose, images_of_a_seed


def test_a_seed_is_two_runs_of_each_depth_of_64k_steps() -> None:
    # 20 layers have 18 of the 54 layers in blocks that 56 have; 182 epochs of 351 steps of 128 images.
    assert images_of_a_seed(FULL) == pytest.approx(2 * (1 + 18 / 54) * 63_882 * 128)


def test_as_many_seeds_are_trained_as_fit_at_the_quickest_rate() -> None:
    seconds = 400.0
    rate = 2.5 * images_of_a_seed(FULL) / (0.8 * seconds)
    assert choose({2: rate / 2, 8: rate, 4: rate / 1.5}, seconds, FULL) == (8, 2)
    assert choose({2: rate / 2, 8: rate, 4: rate / 1.5}, seconds / 2, FULL) == (4, 1)  # a seed has four runs
    assert choose({8: rate}, seconds / 100, FULL) == (4, 1)
    assert choose({8: rate}, 100 * seconds, FULL) == (8, 6)  # six seeds can decide
    assert choose({}, seconds, FULL) == (4, 1)
