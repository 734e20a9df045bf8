"""The figures of a report, fit for a paper: colour-blind-safe, every axis with its unit, whatever the numbers are."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from plainres.errors import BadInput
from plainres.names import TRAIN_ACCURACY, VALIDATION_ACCURACY
from plainres.screen.figure_style import (
    CHARACTER,
    COLOURS,
    COLUMN,
    MARKERS,
    MOST_COLUMNS,
    PAGE,
    ShownFigure,
    arm_style,
    depth_colours,
    draw_legend,
    plain_style,
    ragged_panels,
)
from plainres.settings.thresholds import TARGET_ERROR, is_learnt

TIMES = {"initialisation": "at initialisation", "end": "mean of the last epoch"}
# Norms that are drawn: float32 has none beyond. Larger and smaller ones are marked at the edge.
SMALLEST, LARGEST = 1e-45, 1e39
FULL = 100.0  # percent, beyond which no error can lie
MOST_TICKS = 8
WIDE = 20  # between the largest and the smallest dose, from which on an axis of doses is logarithmic
DODGE = 0.05  # of the way between two depths, from one arm's points to the next arm's
CURVES_AXES = "epoch", "error (%)"
GRADIENTS_AXES = "layer position (0 input, 1 classifier)", "gradient norm (L2)"


def draw_degradation(runs: pd.DataFrame, arms: Sequence[str], axes: Sequence[Axes] | None = None) -> Figure:
    """Final training error against depth: every seed a point, a line through the means, a cross on diverged runs.

    Args:
        runs: the `runs` of a `plainres.analysis.results.SweepResults`.
        arms: in the order of the legend.
        axes: the caller's, one, to be drawn on in their style.
    """
    if axes is not None:
        _check_panels(axes, 1)
        axes[0].legend(handles=_degradation(axes[0], runs, arms))
        return _figure_of(axes)
    with plain_style():
        figure = ShownFigure(figsize=(COLUMN, 2.7), layout="constrained")
        draw_legend(figure, _degradation(figure.subplots(), runs, arms))
    return figure


def draw_curves(
    curves: pd.DataFrame, arms: Sequence[str], columns: int = MOST_COLUMNS, axes: Sequence[Axes] | None = None
) -> Figure:
    """Training error (dashed) and validation error (bold) by epoch, a panel for each arm (the paper's figure 6).

    Args:
        curves: as from `plainres.analysis.results.load_curves`.
        arms: in the order of the panels.
        columns: of panels, at most.
        axes: the caller's, one for each arm, to be drawn on in their style.
    """
    if axes is not None:
        _check_panels(axes, len(arms))
        axes[0].legend(handles=_curves(axes, curves, arms))
        return _labelled(axes, *CURVES_AXES)
    with plain_style():
        figure, panels = _panels(len(arms), columns, rows_each=1)
        handles = _curves(panels, curves, arms)
        _labels(figure, *CURVES_AXES)
        draw_legend(figure, handles)
    return figure


def draw_gradients(
    gradients: pd.DataFrame, arms: Sequence[str], columns: int = MOST_COLUMNS, axes: Sequence[Axes] | None = None
) -> Figure:
    """Gradient norm of each main-path layer by its position: at initialisation above, in the last epoch below.

    The line is the geometric mean over seeds. Norms that aren't finite are marked at the upper edge, those of zero at
    the lower one.

    Args:
        gradients: the `gradients` of a `plainres.analysis.results.SweepResults`.
        arms: in the order of the panels.
        columns: of panels, at most.
        axes: the caller's, for each arm one at initialisation, then for each one at the end.
    """
    if axes is not None:
        _check_panels(axes, len(TIMES) * len(arms))
        axes[0].legend(handles=_gradients(axes, gradients, [(arm, when) for when in TIMES for arm in arms]))
        return _labelled(axes, *GRADIENTS_AXES)
    places = [(arm, when) for group in _groups(arms, columns) for when in TIMES for arm in group]
    with plain_style():
        figure, panels = _panels(len(arms), columns, rows_each=len(TIMES))
        handles = _gradients(panels, gradients, places)
        _labels(figure, *GRADIENTS_AXES)
        draw_legend(figure, handles)
    return figure


def _degradation(axes: Axes, runs: pd.DataFrame, arms: Sequence[str]) -> list[Line2D]:
    """Draw it; the entries of its legend."""
    data = runs.assign(error=_percent(runs["train_error"])).dropna(subset="error")
    depths = sorted(data["depth"].unique())
    handles = []
    beside = DODGE * np.diff(np.log(depths)).min(initial=np.log(2))  # points of two arms must not hide each other
    for index, arm in enumerate(arms):
        chosen = data[data["arm"] == arm]
        style: dict[str, Any] = arm_style(index)
        means = chosen.groupby("depth")["error"].mean()
        axes.plot(means.index, means, color=style["color"], linewidth=1.4)
        axes.plot(
            _beside(chosen["depth"], index, len(arms), beside), chosen["error"], **style,
            linestyle="none", markersize=5, alpha=0.75, markeredgecolor="white", markeredgewidth=0.5,
        )  # fmt: skip
        handles.append(Line2D([], [], **style, linewidth=1.4, markersize=6, label=arm))
    diverged = data[data["diverged"].astype(bool)]
    if len(diverged):
        cross: dict[str, Any] = {
            "color": "black",
            "marker": "x",
            "linestyle": "none",
            "markersize": 8,
            "label": "diverged",
        }
        places = diverged["arm"].map(list(arms).index)
        axes.plot(_beside(diverged["depth"], places, len(arms), beside), diverged["error"], **cross)
        handles.append(Line2D([], [], **cross))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(depths))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda depth, _: f"{depth:g}")
    if len(depths) > MOST_TICKS:
        axes.tick_params(axis="x", rotation=45)
    axes.margins(x=0.08)
    if len(depths) == 1:  # or else arms beside each other would fill the axis
        axes.set_xlim(depths[0] / 2, depths[0] * 2)
    axes.set(xlabel="depth (weighted layers)", ylabel="final training error (%)")
    _from_zero(axes, data["error"])
    return handles


def _curves(panels: Sequence[Axes], curves: pd.DataFrame, arms: Sequence[str]) -> list[Line2D]:
    """Draw them; the entries of their legend."""
    splits: dict[str, tuple[str, Any, float]] = {
        TRAIN_ACCURACY: ("training", (0, (3, 1.5)), 1.2),
        VALIDATION_ACCURACY: ("validation", "-", 2.0),
    }
    colours = depth_colours(curves["depth"])
    for arm, axes in zip(arms, panels, strict=True):
        _title(axes, arm)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for depth, runs in curves[curves["arm"] == arm].groupby("depth"):
            for metric, (_, dashes, width) in splits.items():
                errors = _percent(1 - runs[metric]).groupby(runs["epoch"])
                axes.plot(errors.mean(), color=colours[depth], linestyle=dashes, linewidth=width)
                _band(axes, errors.min(), errors.max(), colours[depth])
        if not any(np.isfinite(line.get_ydata()).any() for line in axes.lines):
            axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, ha="center", color=".3")
    both = pd.concat([_percent(1 - curves[metric]) for metric in splits])
    for axes in panels:
        _from_zero(axes, both)
    return [
        *_depth_handles(colours),
        *(Line2D([], [], color=".3", linestyle=dashes, linewidth=width, label=name)
          for name, dashes, width in splits.values()),
    ]  # fmt: skip


def _gradients(panels: Sequence[Axes], gradients: pd.DataFrame, places: Sequence[tuple[str, str]]) -> list[Line2D]:
    """Draw them, a panel for each arm and time; the entries of their legend."""
    colours = depth_colours(gradients["depth"])
    finite = gradients["norm"].between(SMALLEST, LARGEST)
    lost = {"not finite": ~finite & (gradients["norm"] != 0), "zero": gradients["norm"] == 0}
    edges = {"not finite": ("^", 0.96), "zero": ("v", 0.04)}
    for (arm, when), axes in zip(places, panels, strict=True):
        _title(axes, arm, TIMES[when])
        axes.set_xlim(-0.03, 1.03)
        here = (gradients["arm"] == arm) & (gradients["when"] == when)
        for depth, chosen in gradients[here & finite].groupby("depth"):
            norms = np.log(chosen["norm"]).groupby(chosen["position"])
            axes.plot(np.exp(norms.mean()), color=colours[depth], linewidth=1.4)
            _band(axes, np.exp(norms.min()), np.exp(norms.max()), colours[depth])
        for name, (marker, height) in edges.items():
            for depth, chosen in gradients[here & lost[name]].groupby("depth"):
                positions = chosen["position"].unique()
                axes.plot(
                    positions, np.full(len(positions), height), marker, color=colours[depth], markersize=5,
                    transform=axes.get_xaxis_transform(), clip_on=False,
                )  # fmt: skip
    for axes in panels:
        _log_axis(axes, gradients["norm"][finite])
    handles = _depth_handles(colours)
    handles += [
        Line2D([], [], color=".3", marker=marker, linestyle="none", label=name)
        for name, (marker, _) in edges.items()
        if lost[name].any()
    ]
    return handles


def _check_panels(axes: Sequence[Axes], panels: int) -> None:
    if len(axes) != panels:
        raise BadInput(f"the figure has {panels} panels, and {len(axes)} axes are given")


def _labelled(axes: Sequence[Axes], across: str, up: str) -> Figure:
    for each in axes:
        each.set(xlabel=across, ylabel=up)
    return _figure_of(axes)


def _figure_of(axes: Sequence[Axes]) -> Figure:
    figure = axes[0].get_figure(root=True)
    assert figure
    return figure


def draw_dose_response(runs: pd.DataFrame, setting: str) -> Figure:
    """Final training error against the dose of a setting: every seed a point, a line through the means of each depth.

    Args:
        runs: with the columns dose, depth and train_error.
        setting: what the dose is of.
    """
    data = runs.assign(error=_percent(runs["train_error"])).dropna(subset="error")
    colours = depth_colours(data["depth"])
    doses = sorted(data["dose"].unique())
    positive = [dose for dose in doses if dose > 0]
    with plain_style():
        figure = ShownFigure(figsize=(COLUMN, 2.7), layout="constrained")
        axes = figure.subplots()
        for place, (depth, chosen) in enumerate(data.groupby("depth")):
            axes.plot(chosen.groupby("dose")["error"].mean(), color=colours[depth], linewidth=1.4)
            axes.plot(
                chosen["dose"], chosen["error"], linestyle="none", color=colours[depth],
                marker=MARKERS[place % len(MARKERS)], markersize=5, alpha=0.75, markeredgecolor="white",
                markeredgewidth=0.5, clip_on=False,
            )  # fmt: skip
        if positive and positive[-1] > WIDE * positive[0]:
            axes.set_xscale("symlog", linthresh=positive[0])
            axes.xaxis.set_minor_locator(NullLocator())
        if len(doses) <= MOST_TICKS:
            axes.xaxis.set_major_locator(FixedLocator(doses))
        axes.xaxis.set_major_formatter(lambda dose, _: f"{dose:g}")
        axes.set(xlabel=setting.replace("_", " "), ylabel="final training error (%)")
        _from_zero(axes, data["error"])
        handles = _depth_handles(colours)
        for place, handle in enumerate(handles):
            handle.set(marker=MARKERS[place % len(MARKERS)], markersize=6)
        draw_legend(figure, handles)
    return figure


def draw_frontier(runs: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """The depths that each arm trains, a row an arm: a dot where the error ends at 10 % or below, else a cross.

    Args:
        runs: with the columns arm, depth and train_error; seeds are averaged.
        arms: in the order of the rows, from the top.
    """
    depths = sorted(runs["depth"].unique())
    with plain_style():
        figure = ShownFigure(figsize=(PAGE, 0.9 + 0.3 * len(arms)), layout="constrained")
        axes = figure.subplots()
        for row, arm in enumerate(arms):
            errors = runs[runs["arm"] == arm].groupby("depth")["train_error"].mean()
            learnt = np.array([is_learnt(error) for error in errors], dtype=bool)
            trained, failed = errors.index[learnt], errors.index[~learnt]
            axes.plot(trained, [row] * len(trained), "o-", color=COLOURS[0], linewidth=3, markersize=6)
            axes.plot(failed, [row] * len(failed), "x", color=COLOURS[1], markersize=7, markeredgewidth=2)
            for depth, error in errors.items():
                axes.annotate(
                    "?" if math.isnan(error) else f"{100 * error:.{0 if error >= 0.1 else 1}f}",
                    (cast(float, depth), row), (0, 5),
                    textcoords="offset points", ha="center", fontsize=7, color=".3",
                )  # fmt: skip
        axes.set_yticks(range(len(arms)), arms, parse_math=False)
        axes.set_ylim(len(arms) - 0.6, -0.7)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(depths))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda depth, _: f"{depth:g}")
        axes.margins(x=0.05)
        axes.set_xlabel("depth (weighted layers); above each mark the final training error (%)")
        draw_legend(figure, [
            Line2D([], [], color=COLOURS[0], marker="o", linewidth=3,
                   label=f"trained: error at most {100 * TARGET_ERROR:g} %"),
            Line2D([], [], color=COLOURS[1], marker="x", linestyle="none", markeredgewidth=2, label="not trained"),
        ])  # fmt: skip
    return figure


def _beside(depths: pd.Series, place: Any, arms: int, step: float) -> pd.Series:
    """Depths on a log axis, those of each arm shifted to the arm's place beside the others."""
    shifted: pd.Series = depths * np.exp(step * (place - (arms - 1) / 2))
    return shifted


def _percent(shares: pd.Series) -> pd.Series:
    """In percent, what can't be an error left out."""
    return 100 * shares.where(shares.between(0, 1))


def _groups(arms: Sequence[str], columns: int) -> Iterator[Sequence[str]]:
    """The arms of each row of panels."""
    used = 2 if len(arms) == 4 and columns > 2 else max(1, min(columns, len(arms)))
    return (arms[start : start + used] for start in range(0, len(arms), used))


def _panels(arms: int, columns: int, rows_each: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many rows of panels for each row of arms, all with the same axes, and its panels in use."""
    groups = [len(group) for group in _groups([""] * arms, columns)]
    rows = [count for count in groups for _ in range(rows_each)]
    width = PAGE if max(rows) > 1 else COLUMN
    figure = ShownFigure(
        figsize=(width, 0.6 + len(rows) * (0.6 + 0.45 * width / max(rows))), layout=ConstrainedLayoutEngine(h_pad=0.08)
    )
    return figure, ragged_panels(figure, rows, labelbottom=True, labelleft=True)


def _title(axes: Axes, *lines: str) -> None:
    """Folded to the panel's width."""
    characters = int(axes.get_position().width * cast(Figure, axes.figure).get_figwidth() / CHARACTER)
    spaced = [line if len(line) <= characters else re.sub("([:,])", r"\1 ", line) for line in lines]
    axes.set_title("\n".join(part for line in spaced for part in wrap(line, characters)), parse_math=False)


def _labels(figure: Figure, across: str, up: str) -> None:
    """What all panels' axes are."""
    figure.supxlabel(across)
    figure.supylabel(up)


def _band(axes: Axes, low: pd.Series, high: pd.Series, colour: Any) -> None:
    """From the lowest to the highest seed."""
    axes.fill_between(low.index, low, high, color=colour, alpha=0.15, linewidth=0)


def _from_zero(axes: Axes, errors: pd.Series) -> None:
    """An axis of percentages that shows an error of 0, and isn't cut above the highest."""
    highest = errors.max() if errors.notna().any() else FULL
    top = max(1.0, min(1.05 * highest, 1.02 * FULL))
    axes.set_ylim(-0.03 * top, top)


def _log_axis(axes: Axes, values: pd.Series) -> None:
    axes.set_yscale("log")
    if values.empty:
        axes.set_ylim(1e-3, 1e3)
        return
    low, high = np.log10(values.min()), np.log10(values.max())
    room = max(0.5, 0.08 * (high - low))
    axes.set_ylim(10 ** max(low - room, -300), 10 ** (high + room))
    axes.yaxis.set_major_locator(LogLocator(numticks=MOST_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())


def _depth_handles(colours: Mapping[Any, Any]) -> list[Line2D]:
    return [Line2D([], [], color=colour, linewidth=2, label=f"depth {depth}") for depth, colour in colours.items()]
