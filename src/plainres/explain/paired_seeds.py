"""Compares networks seed by seed: tables of means and deviations, differences, and what can be said of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

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


def spread_of_any_size(values: pd.Series) -> str:
    """Write what `spread` does, with about three digits of the mean, as `1.78 ± 1.70` or `8904 ± 6794`."""
    mean = abs(values.mean())
    known = mean > 0 and math.isfinite(mean)
    return spread(values, max(0, 2 - math.floor(math.log10(mean))) if known else 0)


def points(values: pd.Series) -> str:
    """Write mean and deviation of errors in [0, 1], in percent, as `28.0 ± 17.2`."""
    return spread(values, scale=100)


def difference(higher: pd.DataFrame, lower: pd.DataFrame, column: str) -> Interval | None:
    """Tell how far a column of one network's runs lies above another's, paired by seed; None for fewer than two."""
    return paired_interval(higher.set_index("seed")[column] - lower.set_index("seed")[column])


def answer(interval: Interval | None, yes: str, no: str, margin: float = MARGIN) -> str:
    """Say what an interval tells: `yes` if it lies above the margin, `no` if below, and else that it says neither."""
    if interval is None:
        return "two seeds are needed to say more"
    if interval.low > margin:
        return yes
    return no if interval.high < margin else "the seeds differ too much to say which"
