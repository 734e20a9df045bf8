import numpy as np
import pytest
from scipy.stats import qmc

from plainres.sweeps.configure import configure
from plainres.tuning.space import Choices, LogRange, borders, described, quasi_random, space_of

LR, SIZES = LogRange("lr", 1e-3, 1.0), Choices("batch_size", (16, 64, 1024))
SPACE = LR, SIZES, LogRange("weight_decay", 1e-6, 1e-2)
DIGITS = configure("plain", 18, device="cpu")


@pytest.mark.parametrize(
    ("lr", "batch_size", "expected"),
    [
        (0.02, 64, []),
        # A tenth of three decades: below 0.001 * 10^0.3 = 0.001995, above 10^-0.3 = 0.501.
        (0.00199, 64, ["learning rate; try --lr-range 0.0001 1"]),
        (0.002, 64, []),
        (0.5, 64, []),
        (0.502, 64, ["learning rate; try --lr-range 0.001 10"]),
        (0.02, 16, ["batch size; try --batch-sizes 8 16 64 1024"]),
        # Digits have 1,293 training images: there is no larger batch to try.
        (0.02, 1024, []),
        (1.0, 16, ["learning rate; try --lr-range 0.001 10", "batch size; try --batch-sizes 8 16 64 1024"]),
    ],
)
def test_an_optimum_at_a_border_is_told_with_the_range_to_try(lr: float, batch_size: int, expected: list[str]) -> None:
    found = borders((LR, SIZES), {"lr": lr, "batch_size": batch_size}, DIGITS)
    assert found == [f"the best {words}" for words in expected]


def test_a_single_batch_size_is_both_the_smallest_and_the_largest() -> None:
    assert list(Choices("batch_size", (64,)).to_try(64, DIGITS)) == [32, 64, 128]
    assert list(Choices("batch_size", (2, 4)).to_try(2, DIGITS)) == []  # of one image no batch norm is


def test_quasi_random_points_are_a_scrambled_sobol_sequence() -> None:
    shares = qmc.Sobol(3, rng=5).random(16)
    points = [quasi_random(SPACE, number, 5) for number in range(16)]
    assert np.log10([point["lr"] for point in points]) == pytest.approx(3 * shares[:, 0] - 3)
    assert np.log10([point["weight_decay"] for point in points]) == pytest.approx(4 * shares[:, 2] - 6)
    assert [point["batch_size"] for point in points] == [SIZES.values[int(3 * share)] for share in shares[:, 1]]
    # What the sequence is for: each sixteenth of the range has one of sixteen points.
    assert sorted(int(16 * (np.log10(point["lr"]) + 3) / 3) for point in points) == list(range(16))


def test_a_space_comes_back_from_a_definition() -> None:
    for space in (SPACE, SPACE[:2], SPACE[1:], SPACE[2:]):
        assert space_of(described(space)) == space
