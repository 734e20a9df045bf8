"""Chooses how many runs of the paper's section 4.2 go side by side, and how many seeds of them fit into the time."""

from collections.abc import Mapping

from tests.gpu.scale import Scale

ARMS = 2  # plain and residual
USED = 0.8  # of the time, by training: the rest starts, evaluates and stores
UNTRIED = 4  # runs side by side where no trial says how many are quickest: a seed's


def choose(rates: Mapping[int, float], seconds: float, scale: Scale) -> tuple[int, int]:
    """Return jobs and seeds, one at least: as many as end within the time at the quickest of these rates.

    Args:
        rates: images a second of so many runs of the deepest network, all together.
        seconds: that all runs have.
        scale: says what a run is.
    """
    if not rates:
        return UNTRIED, 1
    jobs, rate = max(rates.items(), key=lambda each: each[1])
    seeds = int(USED * seconds * rate / images_of_a_seed(scale))
    seeds = min(max(seeds, 1), scale.most_seeds)
    return min(jobs, seeds * ARMS * len(scale.depths)), seeds


def images_of_a_seed(scale: Scale) -> float:
    """Count what a seed's runs train on, in images of the deepest network: one of 20 layers costs 18/54 of 56's."""
    costs = sum((depth - 2) / (max(scale.depths) - 2) for depth in scale.depths)
    return ARMS * costs * scale.epochs * scale.images
