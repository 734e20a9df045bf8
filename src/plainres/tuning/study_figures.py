"""The figures of studies, in the style of the experiments' figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogFormatter, MaxNLocator

from plainres.screen.figure_style import COLOURS, COLUMN, PAGE, depth_colours, plain_style
from plainres.settings import ABOUT
from plainres.tuning.definition import StudyPlan
from plainres.tuning.expected_best import expected_best
from plainres.tuning.space import LogRange

MARKERS = {"complete": "o", "pruned": "v", "diverged": "X"}
NAMES = {"lr": "peak learning rate"}

Tables = Mapping[StudyPlan, pd.DataFrame]
"""Each study's trials, as from `plainres.tuning.trials_table.trials_table`."""


def draw_history(trials: pd.DataFrame, objective: str) -> Figure:
    """The objective of every trial in its order, and the best so far.

    Args:
        trials: as from `plainres.tuning.trials_table.trials_table`.
        objective: its name.
    """
    data = _ended(trials)
    with plain_style():
        figure = Figure(figsize=(COLUMN + 1.2, 2.9), layout="constrained")
        axes = figure.subplots()
        for outcome, marker in MARKERS.items():
            chosen = data[data["outcome"] == outcome]
            axes.scatter(chosen["slot"] + 1, chosen["value"], marker=marker, s=30, color=COLOURS[0], label=outcome)
        axes.step(data["slot"] + 1, _best_so_far(data), where="post", color="0.3", label="best so far")
        axes.set(xlabel="trial", ylabel=axis_label(objective))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _scale(axes, objective, data)
        _legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def draw_space(trials: pd.DataFrame, plan: StudyPlan) -> Figure:
    """The objective against each searched rate, coloured by batch size where it is searched.

    Args:
        trials: as from `plainres.tuning.trials_table.trials_table`.
        plan: the study.
    """
    data, names = _ended(trials), _drawn_along(plan)
    with plain_style():
        figure = Figure(figsize=(min(PAGE, 1.6 + 3.2 * len(names)), 2.9), layout="constrained")
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for name, axes in zip(names, panels, strict=True):
            _scatter(axes, data, name, plan)
            axes.set_xlabel(_words(name))
        panels[0].set_ylabel(axis_label(plan.search.objective))
        _scale(panels[0], plan.search.objective, data)
        _legend(figure, _space_handles(plan))
    return figure


def draw_importances(importances: Mapping[str, float], trials: int) -> Figure:
    """The share of the objective's variance that each searched value explains.

    Args:
        importances: by parameter.
        trials: how many they were computed from.
    """
    with plain_style():
        figure = Figure(figsize=(COLUMN, 0.9 + 0.35 * len(importances)), layout="constrained")
        axes = figure.subplots()
        names = sorted(importances, key=lambda name: importances[name])
        bars = axes.barh(
            [_words(name) for name in names], [importances[name] for name in names], height=0.55, color=COLOURS[0]
        )
        axes.bar_label(bars, fmt="{:.2f}", padding=4)
        axes.set(xlim=(0, 1.12), xlabel=f"share of variance (fANOVA, {trials} trials)")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return figure


def draw_arms(tables: Tables) -> Figure:
    """The search of every network on one page, all its studies together, with the best trial of each in a circle."""
    plan = next(iter(tables))
    name = _drawn_along(plan)[0]

    def draw(axes: Axes, studies: Sequence[pd.DataFrame]) -> None:
        for data in studies:
            _scatter(axes, data, name, plan)
            whole = data[data["outcome"] == "complete"]
            if not whole.empty:
                best = whole.sort_values("value").iloc[0]
                axes.scatter(best[name], best["value"], marker="o", s=110, facecolors="none", edgecolors="0.1")

    best_handle = Line2D([], [], marker="o", markersize=10, markerfacecolor="none", color="0.1", linestyle="none")
    best_handle.set_label("best of a study")
    return _page(tables, draw, _words(name), [*_space_handles(plan), best_handle])


def draw_budget(tables: Tables) -> Figure:
    """The best so far of every study, and for draws that don't depend on each other the best to be expected of n.

    The recipe's values, which aren't drawn, don't count there; a pruned trial counts with its value when it was
    stopped.
    """
    plan = next(iter(tables))
    independent = plan.search.sampler != "tpe"

    def draw(axes: Axes, studies: Sequence[pd.DataFrame]) -> None:
        for data in studies:
            axes.step(data["slot"] + 1, _best_so_far(data), where="post", color=COLOURS[0], linewidth=1)
        drawn = pd.concat([data[(data["slot"] > 0) | (plan.first_trial is None)] for data in studies])
        if independent and len(drawn) > 1:
            mean, low, high = expected_best(list(drawn["value"]))
            count = max(len(data) for data in studies)
            draws = np.arange(1, min(count, len(mean)) + 1)
            axes.fill_between(draws, low[: len(draws)], high[: len(draws)], color=COLOURS[1], alpha=0.2, linewidth=0)
            axes.plot(draws, mean[: len(draws)], color=COLOURS[1])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))

    handles: list[Artist] = [Line2D([], [], color=COLOURS[0], linewidth=1, label="best so far of a study")]
    if independent:
        handles.append(Line2D([], [], color=COLOURS[1], label="expected best of n draws"))
        handles.append(Patch(color=COLOURS[1], alpha=0.2, linewidth=0, label="95 % of repetitions"))
    return _page(tables, draw, "trials", handles)


def axis_label(objective: str) -> str:
    """The objective with its unit."""
    split, _, quantity = objective.partition("_")
    split = {"train": "training", "validation": "validation"}[split]
    return f"{split} loss (nats)" if quantity == "loss" else f"{split} error (%)"


def _page(
    tables: Tables, draw: Callable[[Axes, Sequence[pd.DataFrame]], None], xlabel: str, handles: Sequence[Artist]
) -> Figure:
    """A row of panels for each arm, a column for each depth, with shared axes; `draw` gets a network's studies."""
    networks: dict[tuple[str, int], list[pd.DataFrame]] = {}
    for plan, table in tables.items():
        networks.setdefault((plan.config.arm, plan.config.depth), []).append(_ended(table))
    arms, depths = sorted({arm for arm, _ in networks}), sorted({depth for _, depth in networks})
    objective = next(iter(tables)).search.objective
    with plain_style():
        width, height = 1.9 * len(depths) + 1.9, 0.8 + 1.7 * len(arms)
        figure = Figure(figsize=(min(PAGE, width), height), layout="constrained")
        panels = figure.subplots(len(arms), len(depths), sharex=True, sharey=True, squeeze=False)
        for arm, row in zip(arms, panels, strict=True):
            for depth, axes in zip(depths, row, strict=True):
                axes.set_title(f"{arm} {depth}")
                axes.margins(y=0.1)
                draw(axes, networks.get((arm, depth), []))
        _scale(panels[0, 0], objective, pd.concat([data for studies in networks.values() for data in studies]))
        figure.supxlabel(xlabel)
        figure.supylabel(axis_label(objective))
        _legend(figure, handles)
    return figure


def _ended(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that count, with `outcome` and `value`, the objective."""
    ended = trials[trials["state"].isin(("complete", "pruned"))].sort_values("slot").reset_index(drop=True)
    return ended.assign(
        outcome=np.where(ended["diverged"], "diverged", ended["state"]), value=ended["objective"].astype(float)
    )


def _best_so_far(data: pd.DataFrame) -> pd.Series:
    """Of the trials that trained to the end without diverging."""
    return data["value"].where(data["outcome"] == "complete").cummin().ffill()


def _drawn_along(plan: StudyPlan) -> list[str]:
    """What the objective is drawn against: the searched rates, or the batch size if nothing else is searched."""
    space = plan.search.space
    return [each.name for each in space if isinstance(each, LogRange)] or [each.name for each in space]


def _words(name: str) -> str:
    return NAMES.get(name, ABOUT[name].words)


def _scatter(axes: Axes, data: pd.DataFrame, name: str, plan: StudyPlan) -> None:
    for batch_size, colour in _colours(plan).items():
        of_size = data if batch_size is None else data[data["batch_size"] == batch_size]
        for outcome, marker in MARKERS.items():
            chosen = of_size[of_size["outcome"] == outcome]
            axes.scatter(chosen[name].astype(float), chosen["value"], marker=marker, s=22, color=colour, linewidths=0)
    axes.set_xscale("log")
    for each in plan.search.space:
        if each.name == name and isinstance(each, LogRange):
            axes.set_xlim(each.at(-0.04), each.at(1.04))


def _colours(plan: StudyPlan) -> dict[int | None, Any]:
    """By batch size: ordered, as the sizes are, and told apart by the colour-blind too."""
    return dict(depth_colours(plan.search.batch_sizes)) if "batch_size" in plan.search.searched else {None: COLOURS[0]}


def _space_handles(plan: StudyPlan) -> list[Line2D]:
    sizes = [
        Line2D([], [], marker="s", linestyle="none", color=colour, label=f"batch size {batch_size}")
        for batch_size, colour in _colours(plan).items()
        if batch_size is not None
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
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
        axes.autoscale(axis="y")
    else:
        axes.set_ylim(bottom=min(0, *axes.get_ylim()))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")


def _legend(figure: Figure, handles: Sequence[Artist]) -> None:
    figure.legend(handles=handles, loc="outside right upper", handletextpad=0.4)
