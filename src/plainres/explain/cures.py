"""Tells what becomes of arms with depth: each one's fate, at which dose one is harmless, and how deep each trains."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pandas as pd

from plainres.analysis.figures import draw_dose_response, draw_frontier
from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import NOTHING, percent
from plainres.analysis.verdict import Verdict, failures
from plainres.data import dataset_of
from plainres.explain.arms_figure import draw_final_errors
from plainres.networks.factory import network_for
from plainres.screen.figure_style import save_for_paper
from plainres.screen.table import TextTable, text_table
from plainres.settings import RunConfig
from plainres.settings.thresholds import TARGET_ERROR, is_learnt
from plainres.sweeps.arms import dose_of
from plainres.sweeps.tuned import from_params

FAILS = f"above {TARGET_ERROR * 100:g} % at the shallowest depth already"  # which no depth can harm much further
INCOMPLETE = "runs are missing"
ALONE = "not judged, which takes two depths and two seeds"
FATES = ("degrades", "does not degrade", "undecided", FAILS, ALONE, INCOMPLETE)
ARMS_FIGURE, DOSE_FIGURE, FRONTIER_FIGURE = "cures.png", "dose-response.png", "frontier.png"
FRONTIER = ("arm", "deepest trained", "training error", "first that fails", "training error ")


def fate_of(arm: str, results: SweepResults, verdict: Verdict) -> str:
    """Name an arm's fate, one of `FATES`: the verdict's at the deepest depth, if it learns at the shallowest one."""
    of_arm = results.runs[results.runs["arm"] == arm]
    at_start = of_arm.loc[of_arm["depth"] == results.depths[0], "train_error"].mean()
    gap = verdict.gap(arm, results.depths[-1])
    if math.isnan(at_start):
        return INCOMPLETE
    if gap is None:
        return ALONE if len(results.depths) < 2 or len(results.seeds) < 2 else INCOMPLETE
    return gap.status if is_learnt(at_start) else FAILS


def fates_sentence(results: SweepResults, verdict: Verdict) -> str:
    """Say which arms degrade from the shallowest to the deepest depth, which do not, and which cannot be judged."""
    fates = {_with_change(arm, results, verdict): fate_of(arm, results, verdict) for arm in results.arms}
    return _by_fate(fates, results, verdict)


def _with_change(arm: str, results: SweepResults, verdict: Verdict) -> str:
    """Write an arm that degrades with its change in percentage points, as `plain (+54.2)`."""
    gap = verdict.gap(arm, results.depths[-1])
    return f"{arm} ({100 * gap.interval.mean:+.1f})" if gap and gap.status == "degrades" else arm


def _by_fate(fates: Mapping[str, str], results: SweepResults, verdict: Verdict, what: str = "") -> str:
    """List names under their fates, as `From depth ...: degrades: plain; does not degrade: residual.`"""
    groups = {fate: [name for name in fates if fates[name] == fate] for fate in FATES}
    listed = "; ".join(f"{fate}: {', '.join(names)}" for fate, names in groups.items() if names)
    seeds = len(results.seeds)
    return (
        f"From depth {results.depths[0]} to {results.depths[-1]} ({seeds} seed{'' if seeds == 1 else 's'}, margin "
        f"{verdict.margin * 100:g} in percentage points){what}: {listed}."
    )


def arms_table(
    results: SweepResults, verdict: Verdict, parameters: Mapping[str, int], times: Mapping[str, float]
) -> TextTable:
    """Lay out for each arm the training error at each depth, the failures, what it costs, and what becomes of it.

    Args:
        results: its runs may have the column that `with_borders` adds.
        parameters: of each arm's deepest network.
        times: a training step of it over one of the first arm's; those that aren't known are left out.
    """
    deepest, runs = results.depths[-1], results.runs
    tuned = "at_border" in runs
    columns = ["arm", *(f"depth {depth}" for depth in results.depths), "failed", "change", "parameters", "time"]
    columns += ["rate"] * tuned + ["with depth"]
    of_network = dict(list(runs.groupby(["arm", "depth"])))
    nothing = runs.iloc[:0]
    rows = []
    for arm in results.arms:
        of_arm = [of_network.get((arm, depth), nothing) for depth in results.depths]
        deep = of_arm[-1]
        gap = verdict.gap(arm, deepest)
        fate = fate_of(arm, results, verdict)
        rows.append(
            (
                arm,
                *(percent(of_depth["train_error"]) for of_depth in of_arm),
                f"{failures(deep['train_error'])} of {len(deep)}",
                str(gap.interval) if gap else NOTHING,
                f"{parameters[arm]:,}",
                f"{times[arm]:.2f}" if arm in times else NOTHING,
                *([_rate(deep, pd.concat(of_arm))] if tuned else []),
                f"fails at depth {results.depths[0]}" if fate == FAILS else fate,
            )
        )
    words = (
        f"Final training error in %, mean ± standard deviation over seeds. Of depth {deepest}: failed, seeds that end "
        f"above {TARGET_ERROR * 100:g} %; parameters; time, that of a training step over one of "
        f"{results.arms[0]}, measured by turns"
        + (
            "; rate, the median learning rate, * if the arm has one at the border of those searched at any depth"
            if tuned
            else ""
        )
        + ". Change: from the shallowest depth in percentage points, with the 95 % t interval. With depth: by the "
        "exact sign-flip test, arms beyond the first plain and residual one corrected by Holm's method."
    )
    return text_table(tuple(columns), rows, words)


def write_arms(results: SweepResults, folder: Path) -> None:
    """Write `cures.png` and `.pdf`, where a run has finished."""
    if not results.runs.empty:
        save_for_paper(draw_final_errors(results.runs, results.arms), folder / ARMS_FIGURE)


def with_borders(results: SweepResults) -> SweepResults:
    """Add to tuned runs the column at_border: whether a study of the run's network chose a value at a border."""
    tuned = from_params(results.params)
    if not tuned:
        return results
    bordered = {(each.arm, each.depth) for each in tuned if each.borders}
    networks = zip(results.runs["arm"], results.runs["depth"], strict=True)
    return replace(results, runs=results.runs.assign(at_border=[network in bordered for network in networks]))


def count_parameters(config: RunConfig) -> int:
    """Count the parameters of a run's network."""
    dataset = dataset_of(config)
    network = network_for(config, in_channels=dataset.train.image_shape[0], num_classes=dataset.num_classes)
    return sum(parameter.numel() for parameter in network.parameters())


def _rate(deep: pd.DataFrame, of_arm: pd.DataFrame) -> str:
    return f"{deep['lr'].median():.3g}{'*' if of_arm['at_border'].any() else ''}" if len(deep) else NOTHING


def dose_table(setting: str, results: SweepResults, verdict: Verdict) -> TextTable:
    """Lay out for each dose the training error at each depth, and what becomes of it with depth."""
    columns = (setting, *(f"depth {depth}" for depth in results.depths), "with depth")
    of_network = dict(list(results.runs.groupby(["arm", "depth"])["train_error"]))
    rows = [
        (
            f"{dose:g}",
            *(percent(of_network[arm, depth]) if (arm, depth) in of_network else NOTHING for depth in results.depths),
            fate_of(arm, results, verdict),
        )
        for arm, dose in doses_of(setting, results).items()
    ]
    words = "Final training error in %, mean ± standard deviation over seeds; with depth as the verdict has it."
    return text_table(columns, rows, words)


def dose_sentence(setting: str, results: SweepResults, verdict: Verdict) -> str:
    """Say at which doses depth does no harm, and the smallest and the largest of them."""
    fates = {f"{dose:g}": fate_of(arm, results, verdict) for arm, dose in doses_of(setting, results).items()}
    harmless = [dose for dose, fate in fates.items() if fate == "does not degrade"]
    found = "No dose is known not to degrade."
    if harmless:
        found = f"The smallest dose that does not degrade is {harmless[0]}, the largest {harmless[-1]}."
    return f"{_by_fate(fates, results, verdict, f', by {setting}')} {found}"


def write_dose_response(setting: str, results: SweepResults, folder: Path) -> None:
    """Write `dose-response.png` and `.pdf`, and `dose-response.csv` with a row for each run."""
    runs = results.runs.assign(dose=results.runs["arm"].map(doses_of(setting, results)))
    columns = ["arm", "dose", "depth", "seed", "train_error", "test_error"]
    runs[columns].to_csv(folder / "dose-response.csv", index=False)
    if not runs.empty:
        save_for_paper(draw_dose_response(runs, setting, results.classes), folder / DOSE_FIGURE)


def doses_of(setting: str, results: SweepResults) -> dict[str, float]:
    """Read each arm's dose, the smallest first."""
    doses = {arm: dose_of(arm, setting) for arm in results.arms}
    return {arm: doses[arm] for arm in sorted(doses, key=doses.__getitem__)}


def trained_arms(runs: pd.DataFrame, depth: int) -> tuple[str, ...]:
    """List the arms whose training error at a depth, the mean over seeds, ends at 10 % or less."""
    errors = runs[runs["depth"] == depth].groupby("arm", sort=False)["train_error"].mean()
    return tuple(str(arm) for arm, error in errors.items() if is_learnt(error))


def frontier_table(runs: pd.DataFrame, arms: Sequence[str]) -> TextTable:
    """Lay out for each arm the deepest depth that it trains, and the first that it fails.

    Args:
        runs: those of the climb, columns as in `plainres.analysis.results.SweepResults.runs`.
        arms: in the order of the rows.
    """
    errors = dict(list(runs.groupby(["arm", "depth"])["train_error"]))
    rows = []
    for arm in arms:
        edge = [
            (str(depth), percent(errors[arm, depth])) if depth else (NOTHING, NOTHING) for depth in _edge(runs, arm)
        ]
        rows.append((arm, *edge[0], *edge[1]))
    words = f"Trained: the training error ends at {TARGET_ERROR * 100:g} % or less, the mean over seeds. Errors in %."
    return text_table(FRONTIER, rows, words)


def frontier_sentence(runs: pd.DataFrame, arms: Sequence[str], missing: Sequence[str] = ()) -> str:
    """Say how deep each arm reaches, the deepest first, and name the runs that are `missing`."""
    edges = {arm: _edge(runs, arm) for arm in arms}
    lacking = {arm for arm in arms for name in missing if name.startswith(f"{arm}-")}
    reached = [
        _reach(arm, *edge, lacks_runs=arm in lacking)
        for arm, edge in sorted(edges.items(), key=lambda item: -item[1][0])
    ]
    return (
        f"The deepest network that ends at a training error of {TARGET_ERROR * 100:g} % or less: {'; '.join(reached)}."
        + (f" Missing: {', '.join(missing)}." if missing else "")
    )


def write_frontier(runs: pd.DataFrame, arms: Sequence[str], folder: Path) -> None:
    """Write `frontier.png` and `.pdf`, and `frontier.csv` with a row for each run."""
    runs.to_csv(folder / "frontier.csv", index=False)
    save_for_paper(draw_frontier(runs, arms), folder / FRONTIER_FIGURE)


def _reach(arm: str, deepest: int, failed: int, *, lacks_runs: bool) -> str:
    if failed:
        return f"{arm} {deepest or 'none of the depths tried'}"
    if lacks_runs:
        return f"{arm} at least {deepest}" if deepest else f"{arm} unknown"
    return f"{arm} {deepest}, the deepest tried"


def _edge(runs: pd.DataFrame, arm: str) -> tuple[int, int]:
    """Find the deepest depth before the first that an arm fails, and that first one; 0 where there is none."""
    errors = runs[runs["arm"] == arm].groupby("depth")["train_error"].mean()
    depths, reached = [int(depth) for depth in errors.index], len(list(takewhile(is_learnt, errors)))
    return [0, *depths][reached], [*depths, 0][reached]
