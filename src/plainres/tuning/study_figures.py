"""The figures of studies, in the style of the experiments' figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from plainres.figure_style import plain_style
from plainres.tuning.definition import Search

MARKERS = {"complete": "o", "pruned": "v", "diverged": "X"}
NAMES = {"lr": "learning rate", "batch_size": "batch size"}


def draw_history(trials: pd.DataFrame, objective: str) -> Figure:
    """The objective of every trial in its order, and the best so far.

    Args:
        trials: as from `plainres.tuning.trials_table.trials_table`.
        objective: its name.
    """
    data = _ended(trials)
    with plain_style():
        figure = Figure(figsize=(6.2, 3.4), layout="constrained")
        axes = figure.subplots()
        colour = sns.color_palette("colorblind")[0]
        for outcome, marker in MARKERS.items():
            chosen = data[data["outcome"] == outcome]
            axes.scatter(
                chosen["slot"] + 1, chosen["value"], marker=marker, s=40, color=colour, alpha=0.8, label=outcome
            )
        whole = data["value"].where(data["outcome"] == "complete")
        axes.step(data["slot"] + 1, whole.cummin().ffill(), where="post", color="0.3", label="best so far")
        axes.set(xlabel="trial", ylabel=axis_label(objective))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _scale(axes, objective, data)
        _legend(figure, axes.get_legend_handles_labels()[0])
        sns.despine(figure)
    return figure


def draw_space(trials: pd.DataFrame, search: Search) -> Figure:
    """The objective against the learning rate, coloured by batch size.

    Args:
        trials: as from `plainres.tuning.trials_table.trials_table`.
        search: what was searched, for what.
    """
    with plain_style():
        figure = Figure(figsize=(6.2, 3.4), layout="constrained")
        axes = figure.subplots()
        data = _ended(trials)
        _scatter_space(axes, data, search)
        axes.set(xlabel="peak learning rate", ylabel=axis_label(search.objective))
        _scale(axes, search.objective, data)
        _legend(figure, _space_handles(search.batch_sizes))
        sns.despine(figure)
    return figure


def draw_importances(importances: Mapping[str, float], trials: int) -> Figure:
    """The share of the objective's variance that each searched value explains.

    Args:
        importances: by parameter.
        trials: how many they were computed from.
    """
    with plain_style():
        figure = Figure(figsize=(5.4, 2.0), layout="constrained")
        axes = figure.subplots()
        names = sorted(importances, key=lambda name: importances[name])
        bars = axes.barh(
            [NAMES[name] for name in names], [importances[name] for name in names],
            height=0.55, color=sns.color_palette("colorblind")[0],
        )  # fmt: skip
        axes.bar_label(bars, fmt="{:.2f}", padding=4)
        axes.set(xlim=(0, 1.12), xlabel=f"share of variance (fANOVA, {trials} trials)")
        axes.grid(visible=False, axis="y")
        sns.despine(figure, left=True)
    return figure


def draw_arms(arms: Mapping[tuple[str, int], pd.DataFrame], search: Search) -> Figure:
    """The search of every arm on one page: a row for each arm, a column for each depth, with shared axes.

    Args:
        arms: the table of trials by arm and depth.
        search: what was searched, for what.
    """
    names, depths = sorted({name for name, _ in arms}), sorted({depth for _, depth in arms})
    with plain_style():
        figure = Figure(figsize=(2.2 + 2.8 * len(depths), 0.9 + 2.3 * len(names)), layout="constrained")
        panels = figure.subplots(len(names), len(depths), sharex=True, sharey=True, squeeze=False)
        for name, row in zip(names, panels, strict=True):
            for depth, axes in zip(depths, row, strict=True):
                axes.set_title(f"{name} {depth}")
                if (name, depth) not in arms:
                    continue
                data = _ended(arms[name, depth])
                _scatter_space(axes, data, search)
                whole = data[data["outcome"] == "complete"]
                if not whole.empty:
                    best = whole.sort_values("value").iloc[0]
                    axes.scatter(best["lr"], best["value"], marker="o", s=150, facecolors="none", edgecolors="0.1")
        _scale(panels[0, 0], search.objective, pd.concat([_ended(trials) for trials in arms.values()]))
        figure.supxlabel("peak learning rate", fontsize="medium")
        figure.supylabel(axis_label(search.objective), fontsize="medium")
        best_handle = Line2D([], [], marker="o", markersize=11, markerfacecolor="none", color="0.1", linestyle="none")
        best_handle.set_label("best")
        _legend(figure, [*_space_handles(search.batch_sizes), best_handle])
        sns.despine(figure)
    return figure


def axis_label(objective: str) -> str:
    """The objective with its unit."""
    split, _, quantity = objective.partition("_")
    split = {"train": "training", "validation": "validation"}[split]
    return f"{split} loss (nats)" if quantity == "loss" else f"{split} error (%)"


def _ended(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that count, with `outcome` and `value`, the objective."""
    ended = trials[trials["state"].isin(("complete", "pruned"))].sort_values("slot").reset_index(drop=True)
    return ended.assign(
        outcome=np.where(ended["diverged"], "diverged", ended["state"]), value=ended["objective"].astype(float)
    )


def _scatter_space(axes: Axes, data: pd.DataFrame, search: Search) -> None:
    for batch_size, colour in _colours(search.batch_sizes).items():
        for outcome, marker in MARKERS.items():
            chosen = data[(data["batch_size"] == batch_size) & (data["outcome"] == outcome)]
            axes.scatter(chosen["lr"], chosen["value"], marker=marker, s=40, color=colour, alpha=0.85, linewidths=0)
    axes.set_xscale("log")
    low, high = search.lr_range
    axes.set_xlim(low / 1.3, high * 1.3)


def _colours(batch_sizes: Sequence[int]) -> dict[int, Any]:
    # Ordered, as the sizes are, and told apart by the colour-blind too.
    return dict(zip(sorted(batch_sizes), sns.color_palette("viridis", len(batch_sizes)), strict=True))


def _space_handles(batch_sizes: Sequence[int]) -> list[Line2D]:
    sizes = [
        Line2D([], [], marker="s", linestyle="none", color=colour, label=f"batch size {batch_size}")
        for batch_size, colour in _colours(batch_sizes).items()
    ]
    outcomes = [
        Line2D([], [], marker=marker, linestyle="none", color="0.4", label=outcome)
        for outcome, marker in MARKERS.items()
    ]
    return [*sizes, *outcomes]


def _scale(axes: Axes, objective: str, data: pd.DataFrame) -> None:
    """Losses span decades; errors, which can be 0, are drawn in percent on a linear axis."""
    if objective.endswith("loss"):
        if (data["value"] > 0).all():
            axes.set_yscale("log")
        axes.margins(y=0.1)
        axes.autoscale(axis="y")
    else:
        axes.set_ylim(bottom=min(0, *axes.get_ylim()))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")


def _legend(figure: Figure, handles: Sequence[Any]) -> None:
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize="small", handletextpad=0.3)
