"""Tells whether depth slows an arm or stops it: how far its deep network lies behind, by the epochs it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import NOTHING, percent
from plainres.analysis.statistics import bounds
from plainres.analysis.verdict import Verdict, failures, judge, paired_gaps
from plainres.explain.cures import ALONE, FAILS, INCOMPLETE, fate_of
from plainres.screen.drawn_seeds import draw_means, draw_points
from plainres.screen.figure_style import COLUMN, by_arm, draw_legend, plain_style, save_for_paper
from plainres.screen.table import TextTable, text_table
from plainres.sweeps.arms import dose_of, without

FIGURE = "budget.png"
HARMLESS = "depth does it no harm with any number of epochs that was tried"
HARMLESS_AT_LAST = "depth does it no harm with the largest number of epochs that was tried"
SLOWS = "depth slows it"
STOPS = "depth stops it, as far as was tried"
OPEN = "undecided"

Judged = tuple[SweepResults, Verdict]


def by_budget(results: SweepResults, margin: float) -> dict[int, Judged]:
    """Judge the arms at each number of epochs, the smallest first, as if that alone had been asked for.

    Args:
        results: of arms that `plainres.sweeps.arms.dose_arms` has made for the setting `epochs`.
        margin: smallest change of the error that counts, in [0, 1].
    """
    found = {}
    for epochs in sorted({int(dose_of(arm, "epochs")) for arm in results.arms}):
        names = {arm: without(arm, "epochs") for arm in results.arms if dose_of(arm, "epochs") == epochs}
        runs = results.runs[results.runs["arm"].isin(names)]
        of_budget = replace(
            results,
            params={**results.params, "arms": " ".join(names.values())},
            runs=runs.assign(arm=runs["arm"].map(names)),
            missing=tuple(
                name.replace(arm, names[arm], 1)
                for name in results.missing
                for arm in names
                if name.startswith(f"{arm}-")
            ),
            looks=(),  # those that are known are of other numbers of epochs
        )
        found[epochs] = of_budget, judge(of_budget, margin)
    return found


def answer_of(fates: Sequence[str]) -> str:
    """Say what an arm's fates come to, those of the smallest budget first: the largest budget decides.

    One test, at the largest budget, so that none has to be corrected for the others.
    """
    if fates[-1] == "does not degrade":
        if set(fates) == {"does not degrade"}:
            return HARMLESS
        return SLOWS if "degrades" in fates else HARMLESS_AT_LAST
    return STOPS if fates[-1] == "degrades" else OPEN


def fate_at(arm: str, judged: Judged) -> str:
    """Name an arm's fate with one number of epochs; no verdict is given where runs are missing."""
    results, verdict = judged
    return INCOMPLETE if any(name.startswith(f"{arm}-") for name in results.missing) else fate_of(arm, results, verdict)


def sentences(judged: Mapping[int, Judged]) -> list[str]:
    """Say for each arm whether depth slows or stops it, and which runs are missing."""
    first, *_, last = judged.items()
    shallow, deep = last[1][0].depths[0], last[1][0].depths[-1]
    said = []
    for arm in last[1][0].arms:
        fates = [fate_at(arm, each) for each in judged.values()]
        changes = [f"with {epochs} epochs {_change(arm, deep, of)}" for epochs, of in (first, last)]
        said.append(f"{arm}, from depth {shallow} to {deep}: {answer_of(fates)}; {', '.join(changes)}.")
    missing = [name for results, _ in judged.values() for name in results.missing]
    return said + ([f"Missing: {', '.join(missing)}."] if missing else [])


def _change(arm: str, deepest: int, judged: Judged) -> str:
    gap, fate = judged[1].gap(arm, deepest), fate_at(arm, judged)
    if gap is None or fate in (ALONE, INCOMPLETE):
        return fate
    return f"the training error changes by {gap}" + (f", and is {fate}" if fate == FAILS else "")


def table(judged: Mapping[int, Judged]) -> TextTable:
    """Lay out a row for each number of epochs and arm."""
    results, _ = next(iter(judged.values()))
    shallow, deep = results.depths[0], results.depths[-1]
    rows = []
    for epochs, (of_budget, verdict) in judged.items():
        of_network = dict(list(of_budget.runs.groupby(["arm", "depth"])["train_error"]))
        for arm in of_budget.arms:
            errors = [of_network.get((arm, depth), pd.Series(dtype=float)) for depth in (shallow, deep)]
            gap = verdict.gap(arm, deep)
            failed = f"{failures(errors[1])} of {len(errors[1])}"
            change = str(gap.interval) if gap else NOTHING
            fate = fate_at(arm, (of_budget, verdict))
            shown = "undertrained" if fate == FAILS else fate
            rows.append((str(epochs), arm, *map(percent, errors), failed, change, shown))
    columns = ("epochs", "arm", f"depth {shallow}", f"depth {deep}", "failed", "change", "with depth")
    caption = (
        f"Final training error in %, mean ± standard deviation over seeds; failed: seeds of depth {deep} that end "
        "above 10 %. Change: from the one depth to the other in percentage points, with the 95 % t interval. "
        f"Undertrained: depth {shallow} ends above 10 % itself. Each number of epochs is a training of its own, with "
        "its whole schedule, and judged by itself."
    )
    return text_table(columns, rows, caption)


def gaps_of(judged: Mapping[int, Judged]) -> pd.DataFrame:
    """List the gap from the shallowest to the deepest depth of each arm, number of epochs and seed, in points."""
    rows = []
    for epochs, (results, _) in judged.items():
        for arm in results.arms:
            of_arm = paired_gaps(results.runs[results.runs["arm"] == arm], results.depths[0])
            if results.depths[-1] in of_arm:
                gaps = of_arm[results.depths[-1]].dropna()
                rows += [(arm, epochs, seed, 100 * gap) for seed, gap in gaps.items()]
    return pd.DataFrame(rows, columns=["arm", "epochs", "seed", "gap"])


def draw(judged: Mapping[int, Judged], margin: float) -> Figure:
    """Draw each arm's gap by epochs: a point a seed, the mean and its 95 % t interval, and the margin."""
    results, _ = next(iter(judged.values()))
    gaps, look = gaps_of(judged), by_arm(results.arms)
    with plain_style():
        figure = Figure(figsize=(COLUMN, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(list(judged)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda epochs, _: f"{epochs:g}")
        axes.axhline(100 * margin, color=".3", linestyle=":", linewidth=1, label="the smallest change that counts")
        draw_means(axes, gaps, "epochs", "gap", **look, errorbar=bounds, markersize=4)
        draw_points(axes, gaps, "epochs", "gap", **look | {"legend": False}, s=14, alpha=0.5, linewidth=0)
        deep, shallow = results.depths[-1], results.depths[0]
        axes.set(xlabel="epochs", ylabel=f"training error of depth {deep}\nless that of {shallow} (points)")
        draw_legend(figure, "points: seeds; bands: their mean's 95 % interval")
    return figure


def write(judged: Mapping[int, Judged], margin: float, folder: Path) -> None:
    """Write `budget.png` and `.pdf`, and `budget.csv` with a row for each run."""
    runs = [results.runs.assign(epochs=epochs) for epochs, (results, _) in judged.items()]
    pd.concat(runs)[["arm", "epochs", "depth", "seed", "train_error", "test_error"]].to_csv(
        folder / "budget.csv", index=False
    )
    save_for_paper(draw(judged, margin), folder / FIGURE)
