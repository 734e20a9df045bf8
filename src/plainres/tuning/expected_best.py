"""What the best of n trials is worth if they are drawn anew: whether a study's budget was enough."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


def expected_best(values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean and ends of the central 95 % interval of the lowest of n values, for n from 1 to their number.

    The n values are drawn independently, with replacement, from the ones given: P(min > v) = P(value > v)^n, equations
    5 to 7 of Dodge et al. (2019), "Show Your Work", for a minimum. So the trials must have been drawn independently of
    each other, as random search draws them.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    count = len(ordered)
    draws = np.arange(1, count + 1)[:, None]
    above = (1 - np.arange(count + 1) / count) ** draws  # P(min > v) for no v, then for each v
    mean = (above[:, :-1] - above[:, 1:]) @ ordered
    tail = (1 - CONFIDENCE) / 2
    low, high = (ordered[np.argmax(above[:, 1:] <= 1 - share + 1e-12, axis=1)] for share in (tail, 1 - tail))
    return mean, low, high
