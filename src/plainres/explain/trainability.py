"""Maps where arms train: the final training error by depth and by the value of a setting, and its edge at 10 %."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from plainres.analysis.results_table import NOTHING
from plainres.screen.figure_style import PAGE, plain_style, save_for_paper
from plainres.screen.table import TextTable, text_table
from plainres.settings import ABOUT
from plainres.settings.thresholds import TARGET_ERROR, is_learnt
from plainres.sweeps.arms import dose_of, without
from plainres.sweeps.grid import between, edges

FIGURE = "trainability.png"
COLUMNS = ("arm", "depth", "value")  # of a cell
EDGE: dict[str, Any] = {"color": "white", "linewidth": 2.2}
MOST_WRITTEN = 12  # values of an arm, beyond which no error is written into a cell
DARK = 0.45  # share of the highest error, above which a cell is dark


def cells_of(runs: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Average runs over seeds: a row for each arm, depth and value of the setting.

    Args:
        runs: of arms that `plainres.sweeps.arms.dose_arms` has made, as of a `SweepResults`.
        setting: whose values they have.

    Returns:
        Columns: arm (without the setting), depth, value, error (the mean, in [0, 1]), seeds, failed (those above 10 %),
        diverged (how many did).
    """
    failed = ~runs["train_error"].map(is_learnt)
    grouped = by_value(runs.assign(failed=failed), setting).groupby(list(COLUMNS), sort=False)
    cells = grouped.agg(
        error=("train_error", "mean"), seeds=("seed", "count"), failed=("failed", "sum"), diverged=("diverged", "sum")
    )
    return cells.reset_index().sort_values(["depth", "value"], kind="stable")


def by_value(runs: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Give runs the column value, of the setting, and the arm without it."""
    arms = runs["arm"]
    return runs.assign(value=[dose_of(arm, setting) for arm in arms], arm=[without(arm, setting) for arm in arms])


def with_missing(
    cells: pd.DataFrame, arms: Sequence[str], depths: Sequence[int], values: Sequence[float]
) -> pd.DataFrame:
    """Add a cell without an error for each arm, depth and value whose runs are missing."""
    asked = pd.MultiIndex.from_product([arms, depths, values], names=list(COLUMNS))
    known = cells.set_index(list(COLUMNS))
    whole = known.reindex(known.index.union(asked, sort=False))
    whole[["seeds", "failed", "diverged"]] = whole[["seeds", "failed", "diverged"]].fillna(0).astype(int)
    return whole.reset_index().sort_values(["depth", "value"], kind="stable")


def closer(cells: pd.DataFrame, setting: str, depth: int) -> dict[str, list[str]]:
    """Find for each arm the values between two neighbours of which one trains at this depth and the other doesn't."""
    found = {}
    for arm, row in cells[cells["depth"] == depth].groupby("arm", sort=False):
        known = row.dropna(subset="error")
        learnt = [(value, is_learnt(error)) for value, error in zip(known["value"], known["error"], strict=True)]
        new = [between(setting, low, high) for (low, one), (high, other) in pairwise(learnt) if one != other]
        if values := [value for value in new if value]:
            found[str(arm)] = values
    return found


def table(cells: pd.DataFrame, setting: str, arms: Sequence[str]) -> TextTable:
    """Lay out a row for each arm and depth: which values train."""
    rows = []
    for arm in arms:
        for depth, row in cells[cells["arm"] == arm].groupby("depth"):
            row = row.dropna(subset="error")
            trains = row[row["error"].map(is_learnt)]
            lowest, best = min(zip(row["error"], row["value"], strict=True), default=(math.nan, math.nan))
            window = [f"{value:g}" for value in (trains["value"].min(), trains["value"].max())] if len(trains) else []
            rows.append(
                (arm, str(depth), f"{len(trains)} of {len(row)}", *(window or [NOTHING, NOTHING]),
                 f"{100 * lowest:.2f}", f"{best:g}")
            )  # fmt: skip
    caption = (
        f"Trained: values of {setting} at which the training error ends at {TARGET_ERROR * 100:g} % or less, the mean "
        "over seeds, those of --refine among them; the smallest and the largest of these; the lowest error, in %, and "
        "its value. In the figure × marks a cell in which a seed diverged."
    )
    return text_table(("arm", "depth", "trained", "from", "to", "lowest", "at"), rows, caption)


def sentences(cells: pd.DataFrame, setting: str, arms: Sequence[str], values: Sequence[float]) -> list[str]:
    """Say how each arm's window changes with depth, counted in these values; it tells what was seen, and tests nothing.

    Values that only some depths have, since they were looked at closer, don't count.
    """
    said = []
    for arm in arms:
        of_arm = cells[(cells["arm"] == arm) & cells["value"].isin(values)]
        counts = of_arm["error"].map(is_learnt).groupby(of_arm["depth"]).sum()
        listed = ", ".join(f"{count} at depth {depth:g}" for depth, count in zip(counts.index, counts, strict=True))
        lacking = int(of_arm["error"].isna().sum())
        window = f"{lacking} cells are missing" if lacking else window_of(list(counts)) + _open_ends(of_arm)
        said.append(f"{arm}: of {len(values)} values of {setting} it trains with {listed}: {window}.")
    seeds = int(cells["seeds"].max())
    return [*said, f"Counted by the mean over {seeds} seed{'' if seeds == 1 else 's'}; nothing is tested by it."]


def _open_ends(cells: pd.DataFrame) -> str:
    """Say where an arm's window at the deepest depth may go on beyond the values that were tried."""
    deepest = cells[cells["depth"] == cells["depth"].max()].sort_values("value")
    ends = [f"{row.value:g}" for row in deepest.iloc[[0, -1]].itertuples() if is_learnt(row.error)]
    return f", and may go on beyond {' and '.join(ends)}" if ends else ""


def window_of(counts: Sequence[int]) -> str:
    """Say what becomes of the number of values that train, at the shallowest depth first."""
    first, last = counts[0], counts[-1]
    if len(counts) < 2:
        return "one depth tells of no change"
    if not first:
        return "it has no window at the shallowest depth"
    if not last:
        return "its window closes"
    return "its window narrows" if last < first else "its window widens" if last > first else "its window stays as wide"


def draw(cells: pd.DataFrame, setting: str, arms: Sequence[str]) -> Figure:
    """Draw a map an arm, side by side: values across, depths up, the error as colour, a white line at its edge of 10 %.

    A cross marks a cell in which a seed diverged.
    """
    highest = 100 * float(cells["error"].max(skipna=True))
    depths = sorted(cells["depth"].unique())
    ends = edges(sorted(cells["value"].unique()))
    with plain_style():
        figure = Figure(figsize=(PAGE, 1.1 + 0.42 * len(depths)), layout="constrained")
        panels = figure.subplots(1, len(arms), sharex=True, sharey=True, squeeze=False)[0]
        for arm, axes in zip(arms, panels, strict=True):
            axes.grid(visible=False)
            axes.set_facecolor(".9")  # where runs are missing
            if cells["value"].min() > 0:
                axes.set_xscale("log")
            rows = [cells[(cells["arm"] == arm) & (cells["depth"] == depth)] for depth in depths]
            for place, row in enumerate(rows):  # seaborn's heat map has no rows with cells of their own widths
                if len(row):
                    mesh = axes.pcolormesh(
                        _sides(row, ends), [place, place + 1], 100 * row[["error"]].T.to_numpy(),
                        cmap="viridis_r", vmin=0, vmax=max(1.0, highest),
                    )  # fmt: skip
                    _write_errors(axes, row, place, highest)
            _draw_edge(axes, [(_sides(row, ends), [_trains(error) for error in row["error"]]) for row in rows])
            axes.set_title(arm.replace(":", ":\n"), parse_math=False)
            axes.xaxis.set_minor_locator(NullLocator())
        panels[0].yaxis.set_major_locator(FixedLocator([place + 0.5 for place in range(len(depths))]))
        panels[0].set_yticklabels([str(depth) for depth in depths])
        figure.supylabel("depth")
        edge = f"white line: between cells above and below {TARGET_ERROR * 100:g} %"
        figure.supxlabel(f"{ABOUT[setting].words} ({edge}, each the mean over seeds)")
        figure.colorbar(mesh, ax=list(panels), label="final training error (%)", pad=0.01)
    return figure


def write(runs: pd.DataFrame, cells: pd.DataFrame, setting: str, arms: Sequence[str], folder: Path) -> None:
    """Write `trainability.png` and `.pdf`, and `trainability.csv` with a row for each run."""
    kept = [*COLUMNS, "seed", "train_error", "test_error", "diverged"]
    by_value(runs, setting)[kept].to_csv(folder / "trainability.csv", index=False)
    save_for_paper(draw(cells, setting, arms), folder / FIGURE)


def _write_errors(axes: Axes, row: pd.DataFrame, place: int, highest: float) -> None:
    """Write each cell's error into it, and a cross where a seed diverged."""
    for value, error, diverged in zip(row["value"], 100 * row["error"], row["diverged"], strict=True):
        text = (f"{error:.0f}" if len(row) <= MOST_WRITTEN and error >= 0 else "") + ("×" if diverged else "")
        colour = "white" if error > DARK * highest else "black"
        axes.text(value, place + 0.5, text, ha="center", va="center", fontsize=6.5, color=colour)


def _sides(row: pd.DataFrame, ends: Sequence[float]) -> list[float]:
    """The edges of a row of cells, the outermost at the map's own `ends`."""
    return [ends[0], *edges(list(row["value"]))[1:-1], ends[-1]] if len(row) else []


def _trains(error: float) -> bool | None:
    """Whether a cell trains; None where it has no error."""
    return None if math.isnan(error) else is_learnt(error)


def _draw_edge(axes: Axes, rows: Sequence[tuple[Sequence[float], Sequence[bool | None]]]) -> None:
    """Draw a line between cells that touch where one trains and the other doesn't; rows have edges, and which train."""
    for place, (sides, learnt) in enumerate(rows):
        for side, (one, other) in zip(sides[1:-1], pairwise(learnt), strict=True):
            if None not in (one, other) and one != other:
                axes.plot([side, side], [place, place + 1], **EDGE)
    for place, (lower, upper) in enumerate(pairwise(rows), start=1):
        for low, high in pairwise(sorted({*lower[0], *upper[0]})):
            here, there = (_at((low * high) ** 0.5 if low > 0 else (low + high) / 2, *row) for row in (lower, upper))
            if here is not None and there is not None and here != there:
                axes.plot([low, high], [place, place], **EDGE)


def _at(value: float, sides: Sequence[float], learnt: Sequence[bool | None]) -> bool | None:
    """Whether the cell around a value trains; None where the row has none there."""
    place = int(np.searchsorted(sides, value)) - 1
    return learnt[place] if 0 <= place < len(learnt) else None
