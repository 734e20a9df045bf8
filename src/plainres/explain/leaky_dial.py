"""Turns a dial of the growth of gradients, the slope of a leaky rectifier, and asks whether the error follows it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plainres.analysis.statistics import Interval, paired_interval
from plainres.explain.paired_seeds import answer
from plainres.names import GROWTH, INITIAL
from plainres.probes.growth_rate import mean_field
from plainres.screen.drawn_seeds import draw_points
from plainres.screen.figure_style import PAGE, depth_colours, draw_legend, plain_style
from plainres.sweeps.arms import parse_arm, without

FEWEST = 3  # slopes whose order says something
DIAL = ("activation", "leak")


def is_turned(data: pd.DataFrame) -> bool:
    """Tell whether enough slopes were measured."""
    return dial_of(data)["leak"].nunique() >= FEWEST


def dial_of(data: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the first plain arm and of those that differ from it in their slope alone, as column leak."""
    arms = {arm: parse_arm(arm) for arm in dict.fromkeys(data["arm"])}
    apart = {arm: without(arm, *DIAL) for arm, parsed in arms.items() if parsed.variant == "plain"}
    leaks = {
        arm: arms[arm].settings.get("leak", 0.0)
        for arm, rest in apart.items()
        if rest == next(iter(apart.values())) and ("leak" in arms[arm].settings) == ("activation" in arms[arm].settings)
    }
    chosen = data[data["arm"].isin(list(leaks))]
    return chosen.assign(leak=chosen["arm"].map(leaks))


def following(runs: pd.DataFrame) -> Interval | None:
    """Correlate the final training error with the growth at the start by their ranks, over the slopes of each seed.

    Returns:
        the mean over seeds of Spearman's coefficient with its 95 % t interval; seeds all of whose errors are the same
        have none.
    """
    coefficients = {}
    for seed, of_seed in runs.groupby("seed"):
        growth, error = of_seed[INITIAL + GROWTH].rank(), of_seed["train_error"].rank()
        coefficients[seed] = growth.corr(error) if error.nunique() > 1 else np.nan
    return paired_interval(pd.Series(coefficients, dtype=float))


def sentence(data: pd.DataFrame) -> str:
    """Say whether the error of the deepest networks follows the growth: an interval above 0 shows it, below refutes.

    What no longer holds without the lowest slope, the rectifier itself, is not shown: that step alone could make it.
    """
    dial = dial_of(data)
    runs = dial[dial["depth"] == dial["depth"].max()]
    growths = runs.groupby("leak")[INITIAL + GROWTH].mean()
    lowest = growths.index[0]
    whole, others = following(runs), ""
    said = _answer(whole)
    if len(growths) > FEWEST:
        rest = following(runs[runs["leak"] > lowest])
        others = f", without {lowest:g} {_written(rest)}"
        if _answer(rest) != said:
            said = f"that the error follows the growth is not shown, since it hangs on the step from {lowest:g}"
    return (
        f"Depth {runs['depth'].iloc[0]}: with slopes of {', '.join(f'{leak:g}' for leak in growths.index)} below zero "
        f"the gradient of plain grows by {', '.join(f'{growth:.3f}' for growth in growths)} a layer; the rank "
        f"correlation of the final training error with it is {_written(whole)}{others}: {said}."
    )


def _answer(found: Interval | None) -> str:
    return answer(found, "the error follows the growth", "the error falls where the growth rises", 0)


def _written(found: Interval | None) -> str:
    """Write a correlation with its interval, as `+0.37 (95 % interval +0.32 to +0.42)`."""
    if found is None:
        return "?"
    return f"{found.mean:+.2f} (95 % interval {max(-1, found.low):+.2f} to {min(1, found.high):+.2f})"


def draw_dial(data: pd.DataFrame) -> Figure:
    """Draw the growth at the start against the slope, with mean field theory's, and the error against the growth."""
    dial = dial_of(data).assign(
        growth=lambda runs: runs[INITIAL + GROWTH], error=lambda runs: 100 * runs["train_error"]
    )
    dial["network"] = [f"depth {depth}" for depth in dial["depth"]]
    colours = {f"depth {depth}": colour for depth, colour in depth_colours(dial["depth"]).items()}
    look = {"hue": "network", "hue_order": list(colours), "palette": colours, "s": 25, "alpha": 0.8, "linewidth": 0}
    slopes = np.linspace(0, 1, 101)
    with plain_style():
        figure = Figure(figsize=(PAGE, 3.0), layout="constrained")
        turned, followed = figure.subplots(1, 2)
        draw_points(turned, dial, "leak", "growth", **look)
        turned.plot(slopes, [mean_field(slope) for slope in slopes], color=".3", linestyle=":", label="mean field")
        draw_points(followed, dial, "growth", "error", **look)
        turned.set(xlabel="slope below zero", ylabel="growth of the gradient a layer")
        followed.set(xlabel="growth of the gradient a layer", ylabel="final training error (%)", ylim=(-3, 100))
        draw_legend(figure)
    return figure
