"""Computes statistics of a few values, one a seed: interval, sign-flip test, failures, how many seeds would decide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv, nctdtr, stdtrit  # `scipy.stats` takes half a second to import

from plainres.settings.thresholds import LEVEL, fewest_seeds

CONFIDENCE = 0.95  # of intervals and bounds
EXACT_UP_TO = 40  # values, whose sign patterns are all counted: two halves of 2^20
PATTERNS_DRAWN = 9_999  # of more values
NARROW = 0.002  # an interval's width, as a share, of which one decimal in percentage points leaves too little
POWER = 0.8  # with which so many seeds decide, if the spread seen is the true one
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Interval:
    """Holds a mean over seeds with its 95 % t interval, as shares in [-1, 1]."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it in percentage points, as `+45.2 [+38.0, +52.4]`; a narrow one as `+0.03 [+0.01, +0.04]`."""
        digits = 2 if 0 < self.high - self.low < NARROW else 1
        mean, low, high = (
            f"{round(100 * share, digits) + 0.0:+.{digits}f}" for share in (self.mean, self.low, self.high)
        )
        return f"{mean} [{low}, {high}]"


def t_interval(values: Sequence[float]) -> Interval:
    """Compute mean and 95 % t interval of at least two values; a point where they are all equal."""
    if len(set(values)) == 1:
        return Interval(values[0], values[0], values[0])
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = error * float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    return Interval(mean, mean - half, mean + half)


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of the 95 % t interval, for seaborn's error bars; the value twice where there is only one."""
    interval = t_interval(list(values))
    return interval.low, interval.high


def paired_interval(differences: pd.Series) -> Interval | None:
    """Compute mean and 95 % t interval of differences, one a seed, NaN left out; None for fewer than two."""
    values = differences.dropna().tolist()
    return t_interval(values) if len(values) > 1 else None


def sign_flip_p(values: Sequence[float]) -> float:
    """Compute the one-sided p of a mean this high, were each value as likely with the other sign (Fisher 1935).

    The share of all 2^n sign patterns whose sum is at least the observed one; beyond 40 values, of 9,999 drawn ones.
    """
    observed = float(np.sum(values))
    tolerance = 1e-12 * float(np.abs(values).sum())  # sums that differ by rounding are equal
    if len(values) > EXACT_UP_TO:
        signs = 2.0 * np.random.default_rng(0).integers(0, 2, (PATTERNS_DRAWN, len(values))) - 1
        higher = int((signs @ np.asarray(values) >= observed - tolerance).sum())
        return (higher + 1) / (PATTERNS_DRAWN + 1)
    middle = len(values) // 2
    left, right = _signed_sums(values[:middle]), np.sort(_signed_sums(values[middle:]))
    lower = np.searchsorted(right, observed - tolerance - left)
    return float((len(right) - lower).sum() / (len(left) * len(right)))


def level_of_look(looks: Sequence[int]) -> tuple[float, int]:
    """Give the level of a look at data that were looked at before, and which look it is.

    Every look after the first has half the level of the one before, so that all of them together make false claims no
    more often than twice the first one's. Looks that could decide nothing don't count.

    Args:
        looks: seeds of the earlier ones.
    """
    level, number = LEVEL, 1
    for seeds in sorted(looks):
        if seeds >= fewest_seeds(level):
            level, number = level / 2, number + 1
    return level, number


def seeds_to_decide(values: Sequence[float], margin: float, level: float) -> int | None:
    """Estimate how many seeds would decide on which side of the margin their mean lies, in four of five repetitions.

    The mean and the spread of `values` are taken for the true ones, and a t test for the exact one, which needs about
    as many. None where more than 1,000 would be needed.
    """
    distance, spread = abs(float(np.mean(values)) - margin), float(np.std(values, ddof=1))
    fewest = fewest_seeds(level)
    if spread <= 1e-12:
        return fewest if distance > 1e-12 else None  # a point on the margin stays there
    seeds = np.arange(fewest, MOST_SEEDS + 1)
    with np.errstate(all="ignore"):  # powers next to 1 underflow
        critical = stdtrit(seeds - 1, 1 - level)
        power = 1 - nctdtr(seeds - 1, distance * np.sqrt(seeds) / spread, critical)
    enough = seeds[power >= POWER]
    return int(enough[0]) if enough.size else None


def most_failures(failed: int, seeds: int) -> float:
    """Bound the share of all seeds that fail from above, with 95 % confidence (Clopper and Pearson 1934, one-sided)."""
    return 1.0 if failed == seeds else float(betaincinv(failed + 1, seeds - failed, CONFIDENCE))


def holm(ps: Sequence[float]) -> list[float]:
    """Correct the p of several tests, so that the chance of any false claim keeps the level (Holm 1979)."""
    order = np.argsort(ps, kind="stable")
    corrected = np.minimum(1, np.maximum.accumulate([(len(ps) - rank) * ps[each] for rank, each in enumerate(order)]))
    return [float(corrected[int(np.flatnonzero(order == index)[0])]) for index in range(len(ps))]


def _signed_sums(values: Sequence[float]) -> np.ndarray:
    """Sum the values under all 2^n sign patterns."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums
