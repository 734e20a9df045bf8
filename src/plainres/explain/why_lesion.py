"""What blocks are worth to a trained network: errors without them, and how large F(x) is against x."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from plainres.analysis.paired_seeds import answer, difference, percent, spread
from plainres.analysis.trained import TrainedRun
from plainres.explain.inspection import Findings, columns, training_batch
from plainres.names import BLOCK_INPUT, LESION, RESPONSE
from plainres.probes import lesion, responses
from plainres.screen.figure_style import PAGE, arm_style, draw_legend, plain_style
from plainres.screen.table import TerminalTable, terminal

COLUMNS = ("network", "seeds", "whole", "one dropped", "four dropped", "permuted", "std F(x) / std x")
RANDOM = "random_"  # `random_4`: without four blocks drawn at random


def measures(run: TrainedRun, images: int) -> dict[str, float]:
    """Errors of the network with blocks dropped or swapped, and the deviations of what blocks add and are given."""
    batch = training_batch(run, images)
    return {**lesion.measure(run.network, batch), **responses.measure(run.network, batch)}


def findings(measured: pd.DataFrame, images: int) -> Findings:
    """Table, sentences and figure of what was measured."""
    summary = summarised(measured)
    return Findings("lesion", summary, table(summary, images), sentences(summary), {"lesion": draw_lesions(summary)})


def summarised(measured: pd.DataFrame) -> pd.DataFrame:
    """Beside what was measured: the mean over blocks of a lesion's error, and of the size of F(x) against x."""
    alone = measured[columns(measured, f"{LESION}layer")]
    ratios = pd.DataFrame({block: _ratio(measured, block) for block in _blocks(measured)})
    rise = alone.sub(measured[LESION + "none"], axis=0)
    return measured.assign(one=alone.mean(axis=1), rise=rise.mean(axis=1), ratio=ratios.mean(axis=1))


def table(summary: pd.DataFrame, images: int) -> TerminalTable:
    """A row a network."""
    rows = [
        (
            f"{arm} {depth}",
            str(len(runs)),
            *(percent(_column(runs, name)) for name in (LESION + "none", "one", f"{LESION}{RANDOM}4")),
            percent(_column(runs, LESION + "permuted")),
            spread(runs["ratio"], 2),
        )
        for (arm, depth), runs in summary.groupby(["arm", "depth"], sort=False)
    ]
    caption = (
        f"Training error in % on {images} images, or all where there are fewer, mean ± standard deviation over seeds; "
        "blocks that are dropped hand on their input; one: the mean over all blocks."
    )
    return terminal(COLUMNS, rows, caption)


def sentences(summary: pd.DataFrame) -> list[str]:
    """For each depth, what dropping a block costs the first plain arm and the first residual one."""
    found = []
    for depth, runs in summary.groupby("depth"):
        first = {variant: of.iloc[0]["arm"] for variant, of in runs.groupby("variant")}
        if len(first) < 2:
            continue
        plain, residual = (runs[runs["arm"] == first[variant]] for variant in ("plain", "residual"))
        gap = difference(plain, residual, "rise")
        said = answer(gap, "plain networks need each block more", "plain networks don't need each block more")
        found.append(
            f"Depth {depth}: dropping one block raises the error by {percent(plain['rise'])} points in "
            f"{first['plain']} and by {percent(residual['rise'])} in {first['residual']} "
            f"(difference {gap or 'of one seed'}): {said}."
        )
    return found


def draw_lesions(summary: pd.DataFrame) -> Figure:
    """A column a depth: error without each block, error without n blocks at random, and F(x) against x by block.

    Lines are means over seeds, bands reach from the lowest to the highest seed.
    """
    arms, depths = list(dict.fromkeys(summary["arm"])), sorted(set(summary["depth"]))
    with plain_style():
        figure = Figure(figsize=(PAGE, 6.3), layout="constrained")
        panels = figure.subplots(3, len(depths), squeeze=False, sharey="row")
        for column, depth in enumerate(depths):
            for index, arm in enumerate(arms):
                runs = summary[(summary["arm"] == arm) & (summary["depth"] == depth)].dropna(axis=1, how="all")
                if len(runs):
                    _draw(panels[:, column], runs, arm_style(index))
            panels[0, column].set_title(f"depth {depth}")
            panels[0, column].set_xlabel("block dropped")
            panels[1, column].set_xlabel("blocks dropped at random")
            panels[2, column].set_xlabel("block")
            for axes in panels[:, column]:
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes, label in zip(
            panels[:, 0], ("training error (%)", "training error (%)", "std of F(x) / std of x"), strict=True
        ):
            axes.set_ylabel(label)
        for axes in panels[:2].flat:
            axes.set_ylim(-3, 102)
        for axes in panels[2]:
            axes.set_yscale("log")
        handles = [Line2D([], [], markersize=4, label=arm, **arm_style(index)) for index, arm in enumerate(arms)]
        handles.append(Line2D([], [], color=".3", linestyle="--", label="whole network"))
        draw_legend(figure, handles)
    return figure


def _draw(panels: Any, runs: pd.DataFrame, style: dict[str, Any]) -> None:
    blocks = _blocks(runs)
    places = np.arange(1, len(blocks) + 1)
    alone = 100 * runs[[LESION + block for block in blocks]]
    counts = sorted(int(name.removeprefix(LESION + RANDOM)) for name in columns(runs, LESION + RANDOM))
    several = 100 * runs[[LESION + "none", *(f"{LESION}{RANDOM}{count}" for count in counts)]]
    ratios = pd.DataFrame({block: _ratio(runs, block) for block in blocks})
    for axes, x, values in (
        (panels[0], places, alone), (panels[1], [0, *counts], several), (panels[2], places, ratios)
    ):  # fmt: skip
        axes.plot(x, values.mean(), markersize=3, linewidth=1.3, **style)
        axes.fill_between(x, values.min(), values.max(), color=style["color"], alpha=0.15, linewidth=0)
    panels[0].axhline(100 * runs[LESION + "none"].mean(), color=style["color"], linestyle="--", linewidth=0.9)


def _blocks(runs: pd.DataFrame) -> list[str]:
    return [name.removeprefix(RESPONSE) for name in columns(runs, RESPONSE)]


def _ratio(runs: pd.DataFrame, block: str) -> pd.Series:
    ratio: pd.Series = runs[RESPONSE + block] / runs[BLOCK_INPUT + block]
    return ratio


def _column(runs: pd.DataFrame, name: str) -> pd.Series:
    """A column, empty where no network of the table has enough blocks for it."""
    return runs[name] if name in runs else pd.Series(dtype=float)
