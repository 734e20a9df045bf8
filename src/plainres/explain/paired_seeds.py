"""Compares networks seed by seed: tables of means and deviations, differences, and what can be said of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from plainres.analysis.statistics import Interval, paired_interval
from plainres.screen.table import TextTable, text_table
from plainres.settings.thresholds import MARGIN

# By heading the column that is shown, and how its values are, one a seed.
Cells = Mapping[str, tuple[str, Callable[[pd.Series], str]]]


def network_table(data: pd.DataFrame, cells: Cells, caption: str, by: Sequence[str] = ("arm", "depth")) -> TextTable:
    """Lay out a row for each network.

    Args:
        data: a row for each run.
        cells: by heading the column that is shown, and how; a column that no network has is shown as empty.
        caption: what stands below.
        by: the columns that tell the networks apart.
    """
    columns = data.reindex(columns=[column for column, _ in cells.values()])
    rows = (
        (
            " ".join(map(str, network)),
            str(len(runs)),
            *(show(columns.loc[runs.index, column]) for column, show in cells.values()),
        )
        for network, runs in data.groupby(list(by), sort=False)
    )
    return text_table(("network" if len(by) > 1 else by[0], "seeds", *cells), rows, caption)


def plain_and_residual(data: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
    """Give at each depth the runs of the first plain arm and of the first residual one, where there are both."""
    for depth, runs in data.groupby("depth"):
        first = runs.groupby("variant")["arm"].first()
        if len(first) == 2:
            plain, residual = (runs[runs["arm"] == first[variant]] for variant in ("plain", "residual"))
            yield cast(int, depth), plain, residual


def arm_of(runs: pd.DataFrame) -> str:
    """Name the arm of the runs of one network."""
    return str(runs["arm"].iloc[0])


def spread(values: pd.Series, digits: int = 1, scale: float = 1.0) -> str:
    """Write mean and standard deviation over seeds, as `28.0 ± 17.2`."""
    scaled = values.dropna() * scale
    if scaled.empty:
        return "–"
    deviation = f" ± {scaled.std():.{digits}f}" if len(scaled) > 1 else ""
    return f"{scaled.mean():.{digits}f}{deviation}"


def geometric_spread(values: pd.Series) -> str:
    """Write the geometric mean and the factor that is one standard deviation, as `8904 ×/÷ 2.1`; of no negative ones.

    It describes what differs between seeds by factors, where a few large values would be all of an arithmetic mean.
    """
    known = values.dropna()
    if known.empty or not known.gt(0).all():
        return "–"
    logs = np.log(known)
    deviation = f" ×/÷ {math.exp(logs.std()):.2g}" if len(logs) > 1 else ""
    return f"{three_digits(math.exp(logs.mean()))}{deviation}"


def three_digits(value: float) -> str:
    """Write a number with three digits and no exponent, as `0.0123`, `1.78` or `8904`."""
    known = value != 0 and math.isfinite(value)
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if known else f"{value:.0f}"


def points(values: pd.Series) -> str:
    """Write mean and deviation of errors in [0, 1], in percent, as `28.0 ± 17.2`."""
    return spread(values, scale=100)


def difference(higher: pd.DataFrame, lower: pd.DataFrame, column: str) -> Interval | None:
    """Tell how far a column of one network's runs lies above another's, paired by seed; None for fewer than two."""
    return paired_interval(higher.set_index("seed")[column] - lower.set_index("seed")[column])


def ratio(higher: pd.DataFrame, lower: pd.DataFrame, column: str) -> Interval | None:
    """Tell how many times a column of one network's runs another's is: the geometric mean of the ratios of each seed.

    The interval is the t interval of their logarithms; None for fewer than two seeds, or where one isn't positive.
    """
    values = [runs.set_index("seed")[column] for runs in (higher, lower)]
    positive = all(each.between(0, math.inf, inclusive="neither").all() for each in values)
    logs = paired_interval(np.log(values[0]) - np.log(values[1])) if positive else None
    return Interval(*np.exp([logs.mean, logs.low, logs.high]).tolist()) if logs else None


def times(factor: Interval | None) -> str:
    """Write a ratio with its interval, as `51.5 times (95 % interval 43.7 to 60.8)`."""
    if factor is None:
        return "? times"
    mean, low, high = map(three_digits, (factor.mean, factor.low, factor.high))
    return f"{mean} times (95 % interval {low} to {high})"


def answer(interval: Interval | None, yes: str, no: str, margin: float = MARGIN) -> str:
    """Say what an interval tells: `yes` if it lies above the margin, `no` if below, and else that it says neither."""
    if interval is None:
        return "two seeds are needed to say more"
    if interval.low > margin:
        return yes
    return no if interval.high < margin else "the seeds differ too much to say which"
