"""Draws the figures of studies, in the style of the experiments' figures.

optuna.visualization's own change matplotlib's settings for good and draw on pyplot's figures, and know nothing of
several studies of a network, of what diverged, and of draws of a searched grid.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from plainres.screen.drawn_seeds import draw_means, draw_points
from plainres.screen.figure_style import COLOURS, COLUMN, PAGE, depth_colours, plain_style, take_legends
from plainres.settings import ABOUT
from plainres.tuning.definition import StudyPlan
from plainres.tuning.space import LogRange
from plainres.tuning.study_table import expected_best

OUTCOMES = {"complete": "o", "pruned": "v", "diverged": "X"}  # a trial's, and its marker
NAMES = {"lr": "peak learning rate"}
OUTCOME_MARKERS: dict[str, Any] = {
    "style": "outcome", "style_order": list(OUTCOMES), "markers": OUTCOMES, "linewidth": 0
}  # fmt: skip
STEPS: dict[str, Any] = {"estimator": None, "drawstyle": "steps-post"}

Tables = Mapping[StudyPlan, pd.DataFrame]
"""Each study's trials, as from `plainres.tuning.study_report.trials_table`."""


def draw_history(trials: pd.DataFrame, objective: str) -> Figure:
    """Draw the objective of every trial in its order, and the best so far.

    Args:
        trials: as from `plainres.tuning.study_report.trials_table`.
        objective: its name.
    """
    data = _ended(trials)
    with plain_style():
        figure = Figure(figsize=(COLUMN + 1.2, 2.9), layout="constrained")
        axes = figure.subplots()
        draw_means(axes, data.dropna(subset="best"), "trial", "best", **STEPS, color=".3", label="best so far")
        draw_points(axes, data, "trial", "value", **OUTCOME_MARKERS, s=40, color=COLOURS[0])
        axes.set(xlabel="trial", ylabel=axis_label(objective))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _scale(axes, objective, data)
        _draw_legend(figure)
    return figure


def draw_space(trials: pd.DataFrame, plan: StudyPlan) -> Figure:
    """Draw the objective against each searched rate, coloured by batch size where it is searched.

    Args:
        trials: as from `plainres.tuning.study_report.trials_table`.
        plan: the study.
    """
    data, names = _ended(trials), _drawn_along(plan)
    with plain_style():
        figure = Figure(figsize=(min(PAGE, 1.6 + 3.2 * len(names)), 2.9), layout="constrained")
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for name, axes in zip(names, panels, strict=True):
            _draw_along(axes, data, name, plan)
            axes.set_xlabel(_words(name))
        panels[0].set_ylabel(axis_label(plan.search.objective))
        _scale(panels[0], plan.search.objective, data)
        _draw_legend(figure)
    return figure


def draw_importances(importances: Mapping[str, float], trials: int) -> Figure:
    """Draw the share of the objective's variance that each searched value explains.

    Args:
        importances: by parameter.
        trials: how many they were computed from.
    """
    shares = pd.Series(importances).sort_values(ascending=False)
    with plain_style():
        figure = Figure(figsize=(COLUMN, 0.9 + 0.35 * len(shares)), layout="constrained")
        axes = figure.subplots()
        sns.barplot(x=shares, y=shares.index.map(_words), width=0.55, color=COLOURS[0], saturation=1, ax=axes)
        axes.bar_label(cast(BarContainer, axes.containers[0]), fmt="{:.2f}", padding=4)
        axes.set(xlim=(0, 1.12), xlabel=f"share of variance (fANOVA, {trials} trials)", ylabel="")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return figure


def draw_arms(tables: Tables) -> Figure:
    """Draw every network's search on one page, all its studies together, the best trial of each in a circle."""
    plan = next(iter(tables))
    name = _drawn_along(plan)[0]
    circle: dict[str, Any] = {"s": 110, "facecolors": "none", "edgecolors": "0.1", "label": "best of a study"}

    def draw(axes: Axes, data: pd.DataFrame) -> None:
        _draw_along(axes, data, name, plan)
        best = data[data["outcome"] == "complete"].sort_values("value").drop_duplicates("study")
        axes.scatter(best[name], best["value"], **circle)  # seaborn fills circles

    return _page(tables, draw, _words(name))


def draw_budget(tables: Tables) -> Figure:
    """Draw the best so far of every study, and for independent draws the best to be expected of n.

    The recipe's values, which aren't drawn, don't count there; a pruned trial counts with its value when it was
    stopped.
    """
    plan = next(iter(tables))
    independent = plan.search.sampler != "tpe"

    def draw(axes: Axes, data: pd.DataFrame) -> None:
        draw_means(
            axes,
            data,
            "trial",
            "best",
            **STEPS,
            units="study",
            color=COLOURS[0],
            linewidth=1,
            label="best so far of a study",
        )
        drawn = data[(data["slot"] > 0) | (plan.first_trial is None)]
        if independent and len(drawn) > 1:  # what is computed of all draws together, seaborn can't of a table
            mean, low, high = (
                ends[: data.groupby("study").size().max()] for ends in expected_best(list(drawn["value"]))
            )
            draws = np.arange(1, len(mean) + 1)
            axes.fill_between(draws, low, high, color=COLOURS[1], alpha=0.2, linewidth=0, label="95 % of repetitions")
            axes.plot(draws, mean, color=COLOURS[1], label="expected best of n draws")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))

    return _page(tables, draw, "trials")


def axis_label(objective: str) -> str:
    """Name the objective with its unit."""
    split, _, quantity = objective.partition("_")
    split = {"train": "training", "validation": "validation"}[split]
    return f"{split} loss (nats)" if quantity == "loss" else f"{split} error (%)"


def _page(tables: Tables, draw: Callable[[Axes, pd.DataFrame], None], xlabel: str) -> Figure:
    """A row of panels for each arm, a column for each depth, with shared axes; `draw` gets a network's studies."""
    data = pd.concat([
        _ended(table).assign(study=plan.number, arm=plan.config.arm, depth=plan.config.depth)
        for plan, table in tables.items()
    ])  # fmt: skip
    arms, depths = (sorted({getattr(plan.config, of) for plan in tables}) for of in ("arm", "depth"))
    objective = next(iter(tables)).search.objective
    with plain_style():
        width, height = 1.9 * len(depths) + 1.9, 0.8 + 1.7 * len(arms)
        figure = Figure(figsize=(min(PAGE, width), height), layout="constrained")
        panels = figure.subplots(len(arms), len(depths), sharex=True, sharey=True, squeeze=False)
        for (arm, depth), axes in zip(product(arms, depths), panels.flat, strict=True):
            axes.set_title(f"{arm} {depth}")
            axes.margins(y=0.1)
            draw(axes, data[(data["arm"] == arm) & (data["depth"] == depth)])
        _scale(panels[0, 0], objective, data)
        figure.supxlabel(xlabel)
        figure.supylabel(axis_label(objective))
        _draw_legend(figure)
    return figure


def _ended(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that count, with `trial`, from 1, `outcome`, `value`, the objective, and the `best` value so far.

    The best is one of those that trained to the end without diverging.
    """
    ended = trials[trials["state"].isin(("complete", "pruned"))].sort_values("slot").reset_index(drop=True)
    outcome = pd.Series(np.where(ended["diverged"], "diverged", ended["state"]), dtype=object)
    value = ended["objective"].astype(float)
    best = value.where(outcome == "complete").cummin().ffill()
    return ended.assign(trial=ended["slot"] + 1, outcome=outcome, value=value, best=best)


def _drawn_along(plan: StudyPlan) -> list[str]:
    """What the objective is drawn against: the searched rates, or the batch size if nothing else is searched."""
    space = plan.search.space
    return [each.name for each in space if isinstance(each, LogRange)] or [each.name for each in space]


def _words(name: str) -> str:
    return NAMES.get(name, ABOUT[name].words)


def _draw_along(axes: Axes, data: pd.DataFrame, name: str, plan: StudyPlan) -> None:
    """Draw the trials against a searched value, coloured by batch size where it is searched."""
    look: dict[str, Any] = {"color": COLOURS[0]}
    if "batch_size" in plan.search.searched:  # coloured in order, as the sizes are
        colours = {f"batch size {size}": colour for size, colour in depth_colours(plan.search.batch_sizes).items()}
        look = {"hue": "batch size", "hue_order": list(colours), "palette": colours}
        data = data.assign(**{"batch size": [f"batch size {size:g}" for size in data["batch_size"]]})
    draw_points(axes, data.astype({name: float}), name, "value", **OUTCOME_MARKERS, s=22, **look)
    axes.set_xscale("log")
    for each in plan.search.space:
        if each.name == name and isinstance(each, LogRange):
            axes.set_xlim(each.at(-0.04), each.at(1.04))


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


def _draw_legend(figure: Figure) -> None:
    entries = take_legends(figure.axes)
    figure.legend(list(entries.values()), list(entries), loc="outside right upper", handletextpad=0.4)
