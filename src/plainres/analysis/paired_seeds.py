"""Two networks compared seed by seed: how far one lies above the other, and what can be said of it."""

import math

import pandas as pd

from plainres.analysis.statistics import Interval, t_interval
from plainres.settings.thresholds import MARGIN


def spread(values: pd.Series, digits: int = 1, scale: float = 1.0) -> str:
    """Mean and standard deviation over seeds, as `28.0 ± 17.2`."""
    scaled = values.dropna() * scale
    if scaled.empty:
        return "–"
    deviation = f" ± {scaled.std():.{digits}f}" if len(scaled) > 1 else ""
    return f"{scaled.mean():.{digits}f}{deviation}"


def spread_of_any_size(values: pd.Series) -> str:
    """As `spread`, with about three digits of the mean, as `1.78 ± 1.70` or `8904 ± 6794`."""
    mean = abs(values.mean())
    known = mean > 0 and math.isfinite(mean)
    return spread(values, max(0, 2 - math.floor(math.log10(mean))) if known else 0)


def percent(values: pd.Series) -> str:
    """Errors in [0, 1] as `28.0 ± 17.2`."""
    return spread(values, scale=100)


def difference(higher: pd.DataFrame, lower: pd.DataFrame, column: str) -> Interval | None:
    """How far a column of one network's runs lies above that of another's, paired by seed; None for fewer than two."""
    return interval_of(higher.set_index("seed")[column] - lower.set_index("seed")[column])


def interval_of(differences: pd.Series) -> Interval | None:
    """Mean and 95 % t interval of differences, one a seed; None for fewer than two."""
    values = differences.dropna().tolist()
    return t_interval(values) if len(values) > 1 else None


def answer(interval: Interval | None, yes: str, no: str, margin: float = MARGIN) -> str:
    """What an interval says: `yes` if it lies above the margin, `no` if below, and else that it says neither."""
    if interval is None:
        return "two seeds are needed to say more"
    if interval.low > margin:
        return yes
    return no if interval.high < margin else "the seeds differ too much to say which"
