"""Draws where the seeds of many arms end, a row an arm, in which names as long as their settings can be read."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from plainres.screen.figure_style import PAGE, depth_colours, draw_legend, plain_style
from plainres.settings.thresholds import TARGET_ERROR

LINEAR = 1.0  # percent, up to which the axis is: 0 is where most seeds of a cure end
TICKS = (0.0, 1.0, 10.0, 100.0)
LABEL = 34  # characters of an arm's name in a line
ROW = 0.19  # inches, of a depth in an arm's row
TITLE = "points: seeds; strokes: their means"


def draw_final_errors(runs: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Draw the final training error of every seed: a row an arm, in it a line of points for each depth.

    Args:
        runs: with the columns arm, depth, train_error.
        arms: in the order of the rows, from the top.
    """
    names = {depth: f"{depth} layers" for depth in sorted(set(runs["depth"]))}
    colours = {names[depth]: colour for depth, colour in depth_colours(names).items()}
    shown = runs.assign(error=100 * runs["train_error"], network=runs["depth"].map(names))
    look: dict[str, Any] = {"x": "error", "y": "arm", "order": list(arms)}
    look |= {"hue": "network", "hue_order": list(colours), "palette": colours}
    with plain_style():
        figure = Figure(figsize=(0.85 * PAGE, 0.9 + ROW * len(names) * len(arms)), layout="constrained")
        axes = figure.subplots()
        sns.stripplot(shown, **look, dodge=True, jitter=False, size=4, alpha=0.6, linewidth=0.3, ax=axes)
        sns.pointplot(
            shown, **look, dodge=0.8 - 0.8 / len(names), linestyle="none", marker="|", markersize=9,
            markeredgewidth=2, errorbar=None, legend=False, ax=axes,
        )  # fmt: skip
        axes.axvline(100 * TARGET_ERROR, color=".3", linestyle=":", linewidth=1, label="above which a seed fails")
        axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
        axes.set_xlim(-0.1 * LINEAR, TICKS[-1])
        axes.set_xticks(TICKS)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
        axes.set_yticks(range(len(arms)), [_in_lines(arm) for arm in arms])
        axes.set(xlabel=f"final training error (%; logarithmic above {LINEAR:g})", ylabel="")
        for place in range(1, len(arms)):
            axes.axhline(place - 0.5, color=".85", linewidth=0.6)
        axes.grid(axis="y", visible=False)
        draw_legend(figure, TITLE)
    return figure


def _in_lines(arm: str) -> str:
    """An arm's name, broken between its settings."""
    return "\n".join(wrap(arm.replace(",", ", "), LABEL, break_on_hyphens=False))
