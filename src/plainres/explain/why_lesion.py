"""Measures what blocks are worth to a trained network: errors without them, and how large F(x) is against x."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

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
from plainres.names import BLOCK_INPUT, LESION, RENORMALISED, RESPONSE, TAU
from plainres.probes import lesion, responses
from plainres.screen.drawn_seeds import BANDS, draw_means
from plainres.screen.figure_style import PAGE, by_arm, draw_legend, plain_style
from plainres.screen.table import TextTable

WHOLE, IDENTITY, SWAPPED = "none", "identity_", "swapped_"  # `identity_4`: without four, `swapped_4`: after four swaps
RISES = {LESION: "rise", RENORMALISED: "renormalised_rise"}  # of the error, without one block
ROWS = (
    ("block dropped", "training error (%)"),
    ("blocks with an identity dropped", "training error (%)"),
    ("Kendall's tau of the order after swaps", "training error (%)"),
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
    """Add how far the error rises without one of the blocks that have an identity beside them, and F(x) against x."""
    ratios = pd.DataFrame({block: _ratio(measured, block) for block in _blocks(measured)})
    columns = measured.reindex(columns=[of + name for of in RISES for name in (f"{IDENTITY}1", WHOLE)])
    rises = {rise: columns[f"{of}{IDENTITY}1"] - columns[of + WHOLE] for of, rise in RISES.items()}
    return measured.assign(**rises, ratio=ratios.mean(axis=1))


def table(summary: pd.DataFrame, images: int) -> TextTable:
    """Lay out a row for each network."""
    cells: Cells = {
        "whole": (LESION + WHOLE, points),
        "first of stage dropped": (f"{LESION}changing", points),
        "one dropped": (f"{LESION}{IDENTITY}1", points),
        "one dropped*": (f"{RENORMALISED}{IDENTITY}1", points),
        "four dropped": (f"{LESION}{IDENTITY}4", points),
        "four swaps": (f"{LESION}{SWAPPED}4", points),
        "std F(x) / std x": ("ratio", partial(spread, digits=2)),
    }
    caption = (
        f"Training error in % on {images} images, or all where there are fewer, mean ± standard deviation over seeds; "
        "blocks that are dropped hand on their input. First of stage: a block whose shortcut can't be the identity, as "
        "the shape changes; one and four: of the others; four swaps: of random pairs of blocks of one shape; *: with "
        "batch norm's statistics estimated anew on the same images."
    )
    return network_table(summary, cells, caption)


def sentences(summary: pd.DataFrame) -> list[str]:
    """Say for each depth what dropping a block costs the first plain arm and the first residual one.

    Blocks count that have an identity beside them; networks that have none are passed over.
    """
    found = []
    known = summary.reindex(columns=[*summary.columns, *(rise for rise in RISES.values() if rise not in summary)])
    for depth, plain, residual in plain_and_residual(known):
        for column, words in zip(RISES.values(), ("", ", batch norm's statistics estimated anew,"), strict=True):
            if pd.concat([plain, residual])[column].isna().any():
                continue
            gap = difference(plain, residual, column)
            said = answer(gap, "plain networks need each block more", "plain networks don't need each block more")
            found.append(
                f"Depth {depth}: dropping one block beside an identity{words} raises the error by "
                f"{points(plain[column])} points in {arm_of(plain)} and by {points(residual[column])} in "
                f"{arm_of(residual)} (difference {gap or 'of one seed'}): {said}."
            )
    return found


def draw_lesions(summary: pd.DataFrame, rows: int = len(ROWS)) -> Figure:
    """Draw, a column a depth, errors without each block, without n at random and after swaps; and F(x) against x.

    Lines are means over seeds, bands reach from the lowest to the highest seed. Dashed: with batch norm's statistics
    estimated anew. The third row is figure 5(b) of Veit et al. 2016. With fewer `rows` it's the first of these.
    """
    look, depths = by_arm(dict.fromkeys(summary["arm"])), sorted(set(summary["depth"]))
    anew = {"markers": False, "linestyle": "--", "linewidth": 0.9, "errorbar": None, "legend": False}
    with plain_style():
        figure = Figure(figsize=(PAGE, 0.4 + 2 * rows), layout="constrained")
        panels = figure.subplots(rows, len(depths), squeeze=False, sharey="row")
        for depth, column in zip(depths, panels.T, strict=True):
            at_depth = summary[summary["depth"] == depth].dropna(axis=1, how="all")
            errors, ratios = column[: len(ROWS) - 1], column[len(ROWS) - 1 :]
            for of, style in ((LESION, {"markersize": 3.5}), (RENORMALISED, anew)):
                for axes, table in zip(errors, _errors_by_place(at_depth, of)[: len(errors)], strict=True):
                    draw_means(axes, table, "place", "value", **{**look, **style})
            sizes = {place: _ratio(at_depth, block) for place, block in enumerate(_blocks(at_depth), start=1)}
            for axes in ratios:
                draw_means(axes, _long(at_depth, sizes), "place", "value", **look, markersize=3.5)
            for axes, (across, up) in zip(column, ROWS[:rows], strict=True):
                axes.set(xlabel=across, ylabel=up if depth == depths[0] else "")
            for axes in (*errors[:2], *ratios):
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            for axes in errors[2:]:
                axes.invert_xaxis()
            column[0].set_title(f"depth {depth}")
        for axes in panels[: len(ROWS) - 1, 0]:
            axes.set_ylim(-3, 102)
        for axes in panels[len(ROWS) - 1 :, 0]:
            axes.set_ylim(bottom=0)
        panels[0, 0].plot([], [], color=".3", linestyle="--", linewidth=0.9, label="batch norm's statistics anew")
        draw_legend(figure, BANDS)
    return figure


def _errors_by_place(runs: pd.DataFrame, of: str) -> list[pd.DataFrame]:
    """Lay out errors in % by block dropped, by number of blocks dropped, and by Kendall's tau after swaps."""
    whole: Any = runs.get(of + WHOLE, math.nan)
    blocks = {place: runs[of + block] for place, block in enumerate(_blocks(runs), start=1) if of + block in runs}
    dropped = {int(name.removeprefix(of + IDENTITY)): runs[name] for name in columns(runs, of + IDENTITY)}
    swapped = {runs[TAU + name.removeprefix(of)].mean(): runs[name] for name in columns(runs, of + SWAPPED)}
    shown = blocks, {0: whole, **dropped}, {1.0: whole, **swapped}
    return [_long(runs, {place: 100 * errors for place, errors in table.items()}) for table in shown]


def _long(runs: pd.DataFrame, by_place: Mapping[Any, Any]) -> pd.DataFrame:
    """Lay out a row for each run and place; a place has a value for each run, or one for all."""
    table = pd.DataFrame(dict(by_place), index=runs.index).assign(arm=runs["arm"])
    return table.melt("arm", var_name="place").astype({"place": float, "value": float})


def _blocks(runs: pd.DataFrame) -> list[str]:
    return [name.removeprefix(RESPONSE) for name in columns(runs, RESPONSE)]


def _ratio(runs: pd.DataFrame, block: str) -> pd.Series:
    ratio: pd.Series = runs[RESPONSE + block] / runs[BLOCK_INPUT + block]
    return ratio
