"""Draws the figures of a report, fit for a paper: colour-blind-safe, every axis with its unit, whatever the numbers."""

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from textwrap import wrap
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from plainres.analysis.results import SPLITS
from plainres.errors import BadInput
from plainres.screen.drawn_seeds import BANDS, draw_means, draw_points
from plainres.screen.figure_style import (
    CHARACTER,
    COLOURS,
    COLUMN,
    MARKERS,
    PAGE,
    ShownFigure,
    by_arm,
    columns_within,
    depth_colours,
    draw_legend,
    in_rows,
    plain_style,
    ragged_panels,
    take_legends,
)
from plainres.settings.thresholds import TARGET_ERROR, is_learnt

TIMES = {"initialisation": "at initialisation", "end": "in the last epoch"}
# Norms that are drawn: float32 has none beyond. Larger and smaller ones are marked at the edge.
SMALLEST, LARGEST = 1e-45, 1e39
FULL = 100.0  # percent, beyond which no error can lie
MOST_TICKS = 8
POINTS = "points: seeds; lines: their means"
RUNNING = f"{BANDS}; training: running means of each epoch"
LOWEST = 1.1  # inches, of a panel
WIDE = 20  # between the largest and the smallest dose, from which on an axis of doses is logarithmic
DODGE = 0.05  # of the way between two depths, from one arm's points to the next arm's
WIDTHS = {"training": 2.0, "validation": 0.9}  # of lines: the question is the training error
DASHES: dict[str, Any] = {"training": "", "validation": (3, 1.5)}
# Where norms that can't be drawn stand, from a panel's lower edge (0) to its upper one (1), and as what.
EDGES, EDGE_MARKERS = {"not finite": 0.96, "zero": 0.04}, {"not finite": "^", "zero": "v"}


def draw_degradation(
    runs: pd.DataFrame,
    arms: Sequence[str],
    axes: Sequence[Axes] | None = None,
    *,
    classes: int | None = None,
    width: float | None = None,
) -> Figure:
    """Draw the final training error against depth: a point a seed, a line through the means, a cross where it diverged.

    Args:
        runs: the `runs` of a `plainres.analysis.results.SweepResults`.
        arms: in the order of the legend.
        axes: the caller's, one, to be drawn on in their style.
        classes: of the images, for a line at the error of guessing, where that is in range.
        width: of the figure in inches; 4.2 by default.
    """
    draw = partial(_degradation, runs=runs, arms=arms, classes=classes)
    labels = {"xlabel": "depth (weighted layers, logarithmic)", "ylabel": "final training error (%)"}
    return _in_panels(draw, [1], axes, width, legend=POINTS, **labels)


def draw_curves(
    curves: pd.DataFrame,
    arms: Sequence[str],
    axes: Sequence[Axes] | None = None,
    *,
    classes: int | None = None,
    width: float | None = None,
) -> Figure:
    """Draw training error (bold) and validation error (thin) by epoch, a panel for each arm (the paper's figure 6).

    Args:
        curves: as from `plainres.analysis.results.load_curves`.
        arms: in the order of the panels.
        axes: the caller's, one for each arm, to be drawn on in their style.
        classes: of the images, for a line at the error of guessing, where that is in range.
        width: of the figure in inches, which decides how many panels stand in a row; 6.9 by default.
    """
    rows = [len(row) for row in in_rows(len(arms), columns_within(width or PAGE))]
    draw = partial(_curves, curves=curves, arms=arms, classes=classes)
    return _in_panels(draw, rows, axes, width, legend=RUNNING, xlabel="epoch", ylabel="error (%)")


def draw_gradients(
    gradients: pd.DataFrame, arms: Sequence[str], axes: Sequence[Axes] | None = None, *, width: float | None = None
) -> Figure:
    """Draw the gradient norm of each main-path layer by position: at initialisation above, in the last epoch below.

    The line is the geometric mean over seeds. Norms that aren't finite are marked at the upper edge, those of zero at
    the lower one.

    Args:
        gradients: the `gradients` of a `plainres.analysis.results.SweepResults`.
        arms: in the order of the panels.
        axes: the caller's, for each arm one at initialisation, then for each one at the end.
        width: of the figure in inches, which decides how many panels stand in a row; 6.9 by default.
    """
    by_row = in_rows(len(arms), columns_within(width or PAGE) if axes is None else len(arms))
    places = [(arms[place], when) for row in by_row for when in TIMES for place in row]
    rows = [len(row) for row in by_row for _ in TIMES]
    labels = {"xlabel": "layer position (0 input, 1 classifier)", "ylabel": "gradient norm (L2)"}
    return _in_panels(
        partial(_gradients, gradients=gradients, places=places), rows, axes, width, legend=BANDS, **labels
    )


def draw_dose_response(runs: pd.DataFrame, setting: str, classes: int | None = None) -> Figure:
    """Draw the final training error against a setting's dose: every seed a point, a line through each depth's means.

    Args:
        runs: with the columns dose, depth and train_error.
        setting: what the dose is of.
        classes: of the images, for a line at the error of guessing, where that is in range.
    """
    draw = partial(_dose_response, runs=runs, classes=classes)
    xlabel = setting.replace("_", " ")
    return _in_panels(draw, [1], legend=POINTS, xlabel=xlabel, ylabel="final training error (%)")


def draw_frontier(runs: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Draw which depths each arm trains, a row an arm: a dot where the error ends at 10 % or below, else a cross.

    Args:
        runs: with the columns arm, depth and train_error; seeds are averaged.
        arms: in the order of the rows, from the top.
    """
    means = runs.groupby(["arm", "depth"], sort=False)["train_error"].mean().reset_index()
    means = means[means["arm"].isin(arms)]
    fates = f"trained: error at most {100 * TARGET_ERROR:g} %", "not trained"
    means = means.assign(
        row=means["arm"].map(list(arms).index), network=[fates[not is_learnt(error)] for error in means["train_error"]]
    )
    markers = {"style": "network", "markers": dict(zip(fates, "oX", strict=True))}
    look = {"hue": "network", "hue_order": fates, "palette": list(COLOURS[:2]), **markers}
    with plain_style():
        figure = ShownFigure(figsize=(PAGE, 0.9 + 0.3 * len(arms)), layout="constrained")
        axes = figure.subplots()
        _depth_axis(axes, means["depth"])
        line: dict[str, Any] = {"units": "arm", "estimator": None, "color": COLOURS[0], "linewidth": 3}
        draw_means(axes, means[means["network"] == fates[0]], "depth", "row", **line)
        draw_points(axes, means, "depth", "row", **look, s=55, linewidth=0, zorder=3)
        for mean in means.itertuples():  # seaborn writes no text beside points
            error = cast(float, mean.train_error)
            axes.annotate(
                "?" if math.isnan(error) else f"{100 * error:.{0 if error >= 0.1 else 1}f}",
                (cast(float, mean.depth), cast(float, mean.row)), (0, 5),
                textcoords="offset points", ha="center", fontsize=7, color=".3",
            )  # fmt: skip
        axes.set_yticks(range(len(arms)), arms, parse_math=False)
        axes.set_ylim(len(arms) - 0.6, -0.7)
        axes.margins(x=0.05)
        axes.set(xlabel="depth (weighted layers); above each mark the final training error (%)", ylabel="")
        draw_legend(figure)
    return figure


def _degradation(panels: Sequence[Axes], runs: pd.DataFrame, arms: Sequence[str], classes: int | None) -> None:
    (axes,), data = panels, _with_error(runs)
    depths = sorted(data["depth"].unique())
    step = DODGE * np.diff(np.log(depths)).min(initial=np.log(2))  # points of two arms must not hide each other
    beside = [step * (arms.index(arm) - (len(arms) - 1) / 2) for arm in data["arm"]]
    data = data.assign(beside=data["depth"] * np.exp(beside))
    _depth_axis(axes, data["depth"])
    _means_and_points(axes, data, "depth", by_arm(arms), points="beside")
    cross: dict[str, Any] = {"color": "black", "marker": "x", "s": 64, "linewidth": 1.5, "label": "diverged"}
    draw_points(axes, data[data["diverged"].astype(bool)], "beside", "error", **cross, zorder=4)
    axes.margins(x=0.08)
    if len(depths) == 1:  # or else arms beside each other would fill the axis
        axes.set_xlim(depths[0] / 2, depths[0] * 2)
    _from_zero(axes, data["error"], classes, named_at=0)  # at the right are the networks that guess


def _dose_response(panels: Sequence[Axes], runs: pd.DataFrame, classes: int | None) -> None:
    (axes,), (data, look) = panels, _by_depth(_with_error(runs))
    doses = sorted(data["dose"].unique())
    positive = [dose for dose in doses if dose > 0]
    if positive and positive[-1] > WIDE * positive[0]:
        axes.set_xscale("symlog", linthresh=positive[0])
        axes.xaxis.set_minor_locator(NullLocator())
    markers = {network: MARKERS[place % len(MARKERS)] for place, network in enumerate(look["palette"])}
    _means_and_points(axes, data, "dose", {**look, "style": "network", "markers": markers})
    if len(doses) <= MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(doses))
    axes.xaxis.set_major_formatter(lambda dose, _: f"{dose:g}")
    _from_zero(axes, data["error"], classes)


def _curves(panels: Sequence[Axes], curves: pd.DataFrame, arms: Sequence[str], classes: int | None) -> None:
    data, colours = _by_depth(curves.rename(columns=SPLITS))
    data = data.melt(["arm", "depth", "network", "epoch"], list(WIDTHS), "split", "accuracy")
    data = data.assign(error=_percent(1 - data["accuracy"]))
    look = {**colours, "style": "split", "dashes": DASHES, "size": "split", "sizes": WIDTHS}
    for arm, axes in zip(arms, panels, strict=True):
        _title(axes, arm)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        shown = data[data["arm"] == arm]
        draw_means(axes, shown, "epoch", "error", **look)
        for line in axes.lines:
            line.set_zorder(2 + line.get_linewidth())  # the training error in front
        if shown["error"].isna().all():
            axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, ha="center", color=".3")
        _from_zero(axes, data["error"], classes)


def _gradients(panels: Sequence[Axes], gradients: pd.DataFrame, places: Sequence[tuple[str, str]]) -> None:
    data, look = _by_depth(gradients)
    data["lost"] = np.where(data["norm"] == 0, "zero", "not finite")
    data["height"] = data["lost"].map(EDGES).astype(float)
    finite = data["norm"].between(SMALLEST, LARGEST)
    for (arm, when), axes in zip(places, panels, strict=True):
        _title(axes, arm, TIMES[when])
        axes.set_xlim(-0.03, 1.03)
        _log_axis(axes, data["norm"][finite])
        here = (data["arm"] == arm) & (data["when"] == when)
        draw_means(axes, data[here & finite], "position", "norm", **look)
        low, high = axes.get_ylim()
        marked = data[here & ~finite]
        marked = marked.assign(edge=low * (high / low) ** marked["height"])
        draw_points(axes, marked, "position", "edge", **look, style="lost", markers=EDGE_MARKERS, s=30, linewidth=0)


def _in_panels(
    draw: Callable[[Sequence[Axes]], None],
    rows: Sequence[int],
    axes: Sequence[Axes] | None = None,
    width: float | None = None,
    *,
    legend: str,
    **labels: str,
) -> Figure:
    """Draw on the caller's axes, or on a figure with so many panels in each row; then what they show, and a legend.

    The legend's title says what a mark is.
    """
    if axes is not None:
        if len(axes) != sum(rows):
            raise BadInput(f"the figure has {sum(rows)} panels, and {len(axes)} axes are given")
        draw(axes)
        entries = take_legends(axes)
        axes[0].legend(list(entries.values()), list(entries), title=legend)
        for each in axes:
            each.set(**labels)
        return cast(Figure, axes[0].get_figure(root=True))
    with plain_style():
        width = width or (PAGE if max(rows) > 1 else COLUMN)
        height = 0.6 + len(rows) * (0.6 + max(LOWEST, 0.45 * width / max(rows)))
        figure = ShownFigure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.08))
        panels = ragged_panels(figure, rows, labelbottom=True, labelleft=True)
        draw(panels)
        draw_legend(figure, legend)
        if len(panels) == 1:
            panels[0].set(**labels)
        else:
            figure.supxlabel(labels["xlabel"])
            figure.supylabel(labels["ylabel"])
    return figure


def _means_and_points(axes: Axes, data: pd.DataFrame, x: str, look: dict[str, Any], points: str = "") -> None:
    """Draw a line through the means of errors, and every seed as a point, there or at `points`."""
    line = {"linewidth": 1.4, "markers": False, "errorbar": None, "legend": False}
    draw_means(axes, data, x, "error", **look | line)
    draw_points(axes, data, points or x, "error", **look, s=30, alpha=0.75, linewidth=0.5, clip_on=False, zorder=3)


def _with_error(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have an error at their end, with it in percent."""
    return runs.assign(error=_percent(runs["train_error"])).dropna(subset="error")


def _by_depth(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table with the column `network`, which a legend tells, and its colours as seaborn's arguments."""
    colours = {f"depth {depth}": colour for depth, colour in depth_colours(table["depth"]).items()}
    named = table.assign(network=[f"depth {depth}" for depth in table["depth"]])
    return named, {"hue": "network", "hue_order": list(colours), "palette": colours}


def _percent(shares: pd.Series) -> pd.Series:
    """In percent, what can't be an error left out."""
    return 100 * shares.where(shares.between(0, 1))


def _title(axes: Axes, *lines: str) -> None:
    """Folded to the panel's width."""
    characters = int(axes.get_position().width * cast(Figure, axes.figure).get_figwidth() / CHARACTER)
    spaced = [line if len(line) <= characters else re.sub("([:,])", r"\1 ", line) for line in lines]
    axes.set_title("\n".join(part for line in spaced for part in wrap(line, characters)), parse_math=False)


def _depth_axis(axes: Axes, depths: pd.Series) -> None:
    """A logarithmic axis with a tick at each depth."""
    ticks = sorted(depths.unique())
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda depth, _: f"{depth:g}")
    if len(ticks) > MOST_TICKS:
        axes.tick_params(axis="x", rotation=45)


def _from_zero(axes: Axes, errors: pd.Series, classes: int | None = None, *, named_at: float = 1) -> None:
    """An axis of percentages that shows an error of 0, and isn't cut above the highest; a line at that of guessing.

    Its name stands at the right, or with 0 at the left.
    """
    highest = errors.max() if errors.notna().any() else FULL
    top = max(1.0, min(1.05 * highest, 1.02 * FULL))
    axes.set_ylim(-0.03 * top, top)
    guessing = FULL * (1 - 1 / classes) if classes else math.inf
    if guessing < top:
        axes.axhline(guessing, color=".5", linewidth=0.8, linestyle=":", zorder=1)
        axes.annotate(
            f"guessing, {guessing:.3g} %", (named_at, guessing), (0 if named_at else 3, -2),
            xycoords=("axes fraction", "data"), textcoords="offset points", ha="right" if named_at else "left",
            va="top", fontsize=7, color=".35",
        )  # fmt: skip


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
