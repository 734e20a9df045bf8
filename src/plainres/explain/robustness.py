"""Tells whether a verdict holds under other choices than the recipe's: a forest of gaps, and how many choices agree."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.results import first_of_each_variant
from plainres.analysis.results_table import NOTHING
from plainres.analysis.statistics import bounds
from plainres.analysis.verdict import paired_gaps
from plainres.screen.figure_style import PAGE, by_arm, draw_legend, plain_style, save_for_paper
from plainres.screen.table import TextTable, text_table
from plainres.sweeps.choices import BASE

FULL = 105.0  # points, with some room
OUTCOMES = ("reproduced", "not reproduced", "undecided", "undertrained", "incomplete")


def table(sweeps: Mapping[str, JudgedSweep]) -> TextTable:
    """Lay out a row for each choice: the changes of both arms, and the outcome."""
    rows, first = [], next(iter(sweeps.values()))
    for name, sweep in sweeps.items():
        cells = [cell for arm in first_of_each_variant(sweep.arms) for cell in _cells(sweep, arm)]
        own = "" if sweep.depths == first.depths else f" ({sweep.depths[0]}, {sweep.depths[-1]})"
        rows.append((name + own, *cells, sweep.verdict.outcome))
    caption = (
        f"Change of the final training error from depth {first.depths[0]} to {first.depths[-1]}, or as in brackets, in "
        "percentage points, mean over seeds with the 95 % t interval. Each choice changes one setting of the recipe or "
        "takes the other family of networks at depths of its own, and is judged by itself. All share their seeds, and "
        "those of another shortcut their plain runs."
    )
    plain, residual = first_of_each_variant(first.arms)
    return text_table(("choice", plain, "", residual, " ", "outcome"), rows, caption)


def _cells(sweep: JudgedSweep, arm: str) -> tuple[str, str]:
    deepest = sweep.depths[-1]
    gap = sweep.verdict.gap(arm, deepest)
    return (str(gap.interval), sweep.verdict.with_depth(arm, deepest)) if gap else (NOTHING, NOTHING)


def sentences(sweeps: Mapping[str, JudgedSweep]) -> list[str]:
    """Say in how many choices plain degrades and residual does not, and what the others come to."""
    outcomes = {name: sweep.verdict.outcome for name, sweep in sweeps.items()}
    plain, residual = first_of_each_variant(sweeps[BASE].arms)
    agree = sum(outcome == "reproduced" for outcome in outcomes.values())
    said = [f"In {agree} of {len(sweeps)} choices {plain} degrades and {residual} does not."]
    for outcome in OUTCOMES[1:]:
        if names := [name for name, own in outcomes.items() if own == outcome]:
            said.append(f"{outcome.capitalize()}: {', '.join(names)}.")
    if outcomes[BASE] in OUTCOMES[:2]:
        turned = [name for name, outcome in outcomes.items() if {outcome, outcomes[BASE]} == set(OUTCOMES[:2])]
        said.append(f"The verdict turns on: {', '.join(turned)}." if turned else "No choice comes to the opposite.")
    missing = [f"{name}: {run}" for name, sweep in sweeps.items() for run in sweep.missing]
    return [" ".join(said), *([f"Missing: {', '.join(missing)}."] if missing else [])]


def gaps_of(sweeps: Mapping[str, JudgedSweep]) -> pd.DataFrame:
    """List the gap, in points, of the plain and the residual arm, by choice and seed."""
    rows: list[tuple[str, str, Any, float]] = []
    for name, sweep in sweeps.items():
        for arm in first_of_each_variant(sweep.arms):
            of_arm = paired_gaps(sweep.runs[sweep.runs["arm"] == arm], sweep.depths[0])
            if sweep.depths[-1] in of_arm:
                gaps = of_arm[sweep.depths[-1]].dropna()
                rows += [(name, arm, seed, 100 * gap) for seed, gap in gaps.items()]
    return pd.DataFrame(rows, columns=["choice", "arm", "seed", "gap"])


def draw(sweeps: Mapping[str, JudgedSweep]) -> Figure:
    """Draw a forest: a row a choice, for each arm the mean gap over seeds with its 95 % t interval."""
    gaps, first = gaps_of(sweeps), next(iter(sweeps.values()))
    look = by_arm(first_of_each_variant(first.arms))
    margin = 100 * first.verdict.margin
    with plain_style():
        figure = Figure(figsize=(0.75 * PAGE, 1.0 + 0.26 * len(sweeps)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(margin, color=".3", linestyle=":", linewidth=1, label="the smallest change that counts")
        if not gaps.empty:
            sns.pointplot(
                gaps, x="gap", y="choice", order=list(sweeps), hue="arm", hue_order=look["hue_order"],
                palette=look["palette"], markers=list(look["markers"].values()), dodge=0.35, errorbar=bounds,
                linestyle="none", markersize=4, err_kws={"linewidth": 1.4}, ax=axes,
            )  # fmt: skip
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -FULL), min(high, FULL))  # beyond which no gap can lie
        axes.set(xlabel="change of the training error with depth (points)", ylabel="")
        draw_legend(figure, "mean over seeds with its 95 % interval")
    return figure


def write(sweeps: Mapping[str, JudgedSweep], folder: Path, name: str) -> None:
    """Write the forest as PNG and PDF of this name, and as CSV a row for each run."""
    runs = pd.concat([sweep.runs.assign(choice=name) for name, sweep in sweeps.items()])
    columns = ["choice", "arm", "depth", "seed", "train_error", "test_error", "diverged", "processor", "commit"]
    runs[columns].to_csv(folder / f"{name}.csv", index=False)
    save_for_paper(draw(sweeps), folder / f"{name}.png")
