"""Measures what blocks are worth to a trained network: errors without them, and how large F(x) is against x."""

from functools import partial

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plainres.analysis.trained import TrainedRun
from plainres.explain.inspection import Findings, columns, training_batch
from plainres.explain.paired_seeds import (
    Cells,
    answer,
    arm_of,
    difference,
    network_table,
    plain_and_residual,
    points,
    spread,
)
from plainres.names import BLOCK_INPUT, LESION, RESPONSE
from plainres.probes import lesion, responses
from plainres.screen.drawn_seeds import draw_means
from plainres.screen.figure_style import PAGE, by_arm, draw_legend, plain_style
from plainres.screen.table import TextTable

WHOLE = LESION + "none"
RANDOM = "random_"  # `random_4`: without four blocks drawn at random
ROWS = (
    ("block dropped", "training error (%)"),
    ("blocks dropped at random", "training error (%)"),
    ("block", "std of F(x) / std of x"),
)  # of panels: what their axes are


def measures(run: TrainedRun, images: int) -> dict[str, float]:
    """Measure errors with blocks dropped or swapped, and the deviations of what blocks add and are given."""
    batch = training_batch(run, images)
    return {**lesion.measure(run.network, batch), **responses.measure(run.network, batch)}


def findings(measured: pd.DataFrame, images: int) -> Findings:
    """Make table, sentences and figure of what was measured."""
    summary = summarised(measured)
    return Findings("lesion", summary, table(summary, images), sentences(summary), {"lesion": draw_lesions(summary)})


def summarised(measured: pd.DataFrame) -> pd.DataFrame:
    """Add to what was measured the mean over blocks of a lesion's error, and of the size of F(x) against x."""
    alone = measured[columns(measured, f"{LESION}layer")]
    ratios = pd.DataFrame({block: _ratio(measured, block) for block in _blocks(measured)})
    rise = alone.sub(measured[WHOLE], axis=0)
    return measured.assign(one=alone.mean(axis=1), rise=rise.mean(axis=1), ratio=ratios.mean(axis=1))


def table(summary: pd.DataFrame, images: int) -> TextTable:
    """Lay out a row for each network."""
    cells: Cells = {
        "whole": (WHOLE, points),
        "one dropped": ("one", points),
        "four dropped": (f"{LESION}{RANDOM}4", points),
        "permuted": (LESION + "permuted", points),
        "std F(x) / std x": ("ratio", partial(spread, digits=2)),
    }
    caption = (
        f"Training error in % on {images} images, or all where there are fewer, mean ± standard deviation over seeds; "
        "blocks that are dropped hand on their input; one: the mean over all blocks."
    )
    return network_table(summary, cells, caption)


def sentences(summary: pd.DataFrame) -> list[str]:
    """Say for each depth what dropping a block costs the first plain arm and the first residual one."""
    found = []
    for depth, plain, residual in plain_and_residual(summary):
        gap = difference(plain, residual, "rise")
        said = answer(gap, "plain networks need each block more", "plain networks don't need each block more")
        found.append(
            f"Depth {depth}: dropping one block raises the error by {points(plain['rise'])} points in {arm_of(plain)} "
            f"and by {points(residual['rise'])} in {arm_of(residual)} (difference {gap or 'of one seed'}): {said}."
        )
    return found


def draw_lesions(summary: pd.DataFrame) -> Figure:
    """Draw, a column a depth, errors without each block and without n at random, and F(x) against x by block.

    Lines are means over seeds, bands reach from the lowest to the highest seed.
    """
    look, depths = by_arm(dict.fromkeys(summary["arm"])), sorted(set(summary["depth"]))
    with plain_style():
        figure = Figure(figsize=(PAGE, 6.3), layout="constrained")
        panels = figure.subplots(3, len(depths), squeeze=False, sharey="row")
        for depth, column in zip(depths, panels.T, strict=True):
            at_depth = dict(list(summary[summary["depth"] == depth].groupby("arm", sort=False)))
            by_place = [_by_place(runs.dropna(axis=1, how="all")) for runs in at_depth.values()]
            for axes, (across, up), tables in zip(column, ROWS, zip(*by_place, strict=True), strict=True):
                draw_means(axes, pd.concat(tables), "place", "value", **look, markersize=3.5)
                axes.set(xlabel=across, ylabel=up if depth == depths[0] else "")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            for arm, runs in at_depth.items():
                column[0].axhline(100 * runs[WHOLE].mean(), color=look["palette"][arm], linestyle="--", linewidth=0.9)
            column[0].set_title(f"depth {depth}")
        panels[0, 0].set_ylim(-3, 102)
        panels[1, 0].set_ylim(-3, 102)
        panels[2, 0].set_yscale("log")
        panels[0, 0].plot([], [], color=".3", linestyle="--", label="whole network")
        draw_legend(figure)
    return figure


def _by_place(runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Of one arm and depth what each row of panels shows, a row for each run and place, from the first block on."""
    blocks = _blocks(runs)
    counts = sorted(int(name.removeprefix(LESION + RANDOM)) for name in columns(runs, LESION + RANDOM))
    shown = (
        100 * runs[[LESION + block for block in blocks]].set_axis(range(1, len(blocks) + 1), axis=1),
        100 * runs[[WHOLE, *(f"{LESION}{RANDOM}{count}" for count in counts)]].set_axis([0, *counts], axis=1),
        pd.DataFrame({place: _ratio(runs, block) for place, block in enumerate(blocks, start=1)}),
    )
    return [table.melt(var_name="place").assign(arm=runs["arm"].iloc[0]) for table in shown]


def _blocks(runs: pd.DataFrame) -> list[str]:
    return [name.removeprefix(RESPONSE) for name in columns(runs, RESPONSE)]


def _ratio(runs: pd.DataFrame, block: str) -> pd.Series:
    ratio: pd.Series = runs[RESPONSE + block] / runs[BLOCK_INPUT + block]
    return ratio
