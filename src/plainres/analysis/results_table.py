"""Lays out what a sweep comes to: a row for each arm and depth, over seeds, as text and in numbers."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from plainres.analysis.results import SweepResults
from plainres.analysis.statistics import most_failures
from plainres.analysis.verdict import Verdict, failures, points
from plainres.screen.table import TextTable
from plainres.settings import Settings
from plainres.sweeps.tuned import from_params

COLUMNS = (
    "arm", "depth", "failed", "training error", "test error", "epochs to 10 %", "grad. growth", "with depth",
)  # fmt: skip
ERRORS = "Errors in %, mean ± standard deviation over seeds; failed: above 10 % training error at the end."
NOTHING = "–"
NOT_FINITE = "not finite"
QUIETLY = np.errstate(over="ignore", invalid="ignore")  # sums of what is not finite are not finite
LONG = 1e5  # from here on powers of ten


def explanation(results: SweepResults, verdict: Verdict) -> str:
    """Explain the table's columns in full, for a report."""
    counts = sorted({(failures(group["train_error"]), len(group)) for _, _, group in _networks(results)})
    bounds = ", ".join(f"{100 * most_failures(*count):.0f} % where {count[0]} of {count[1]} did" for count in counts)
    return (
        "Errors are over whole splits in evaluation mode. Failed: seeds that end above 10 % training error; of all "
        f"seeds at most {bounds} (95 %, Clopper and Pearson 1934). Epochs to 10 %: first epoch whose running training "
        "error, as in the curves, is at most 10 %, median over seeds; those that never get there count as later than "
        "all others, and in brackets stands how many do. Grad. growth: factor by which the gradient's norm grows from "
        "each layer to the one before it at initialisation, median over seeds; above 1 it explodes with depth (Yang et "
        "al. 2019). "
        "With depth: whether the training error is higher than at the shallowest depth by more "
        f"than {points(verdict.margin)}, paired by seed, by a sign-flip test."
    )


@QUIETLY
def sweep_table(results: SweepResults, verdict: Verdict) -> TextTable:
    """Lay out a sweep as text under `COLUMNS`, a row for each network that has a finished run, arms as asked for."""
    rows = tuple(
        (
            arm,
            str(depth),
            f"{failures(group['train_error'])} of {len(group)}{'*' if group['diverged'].any() else ''}",
            percent(group["train_error"]),
            percent(group["test_error"]),
            _epochs(group["epochs_to_10"]),
            three_digits(_median(group["gradient_growth"])),
            verdict.with_depth(arm, depth) or NOTHING,
        )
        for arm, depth, group in _networks(results)
    )
    words = (
        f"{ERRORS} Medians: epochs to 10 % running training error, and in brackets how many seeds get there; growth of "
        "the gradient a layer at initialisation. With depth: training error higher than at the shallowest by more than "
        f"{points(verdict.margin)}."
    )
    return TextTable(COLUMNS, rows, words + diverged_words(results))


def diverged_words(results: SweepResults) -> str:
    """Explain the table's star, where a run has one."""
    diverged = int(results.runs["diverged"].sum())
    return f" *: {diverged} of these runs diverged and count with the error they ended at." if diverged else ""


@QUIETLY
def paper_table(results: SweepResults) -> TextTable:
    """Lay out errors and failures, a row for each network that has a finished run, for one column of an article."""
    rows = tuple(
        (
            f"{arm} {depth}",
            f"{failures(group['train_error'])} of {len(group)}",
            percent(group["train_error"]),
            percent(group["test_error"]),
        )
        for arm, depth, group in _networks(results)
    )
    data = results.params.get("dataset", Settings.dataset)
    tuned = ", each network tuned" if from_params(results.params) else ""
    words = (
        f"Errors in %, mean ± standard deviation over {len(results.seeds)} seeds, on {data}{tuned}. A seed fails that "
        "ends above 10 % training error."
    )
    return TextTable(("network", "failed", "training error", "test error"), rows, words)


@QUIETLY
def network_table(results: SweepResults, verdict: Verdict) -> pd.DataFrame:
    """Lay out a sweep in numbers: a row for each network that has a finished run.

    Columns: arm, depth, seeds, diverged (runs), failed (runs that end above 10 % training error), failed_at_most (the
    share of all seeds that fail, at most, with 95 % confidence), the mean and the standard deviation (`_sd`, NaN for
    one seed) over seeds of train_error and test_error, medians over seeds of epochs_to_10, gradient_growth and seconds;
    and with_depth, whether the arm degrades (empty at the shallowest depth). Errors and shares are in [0, 1].
    """
    return pd.DataFrame(
        {
            "arm": arm,
            "depth": depth,
            "seeds": len(group),
            "diverged": int(group["diverged"].sum()),
            "failed": failures(group["train_error"]),
            "failed_at_most": most_failures(failures(group["train_error"]), len(group)),
            "train_error": group["train_error"].mean(),
            "train_error_sd": group["train_error"].std(),
            "test_error": group["test_error"].mean(),
            "test_error_sd": group["test_error"].std(),
            "epochs_to_10": _median_epochs(group["epochs_to_10"]),
            "gradient_growth": _median(group["gradient_growth"]),
            "seconds": _median(group["seconds"]),
            "with_depth": verdict.with_depth(arm, depth),
        }
        for arm, depth, group in _networks(results)
    )


def three_digits(value: float) -> str:
    """Write a positive number to three digits, whatever its size."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return NOT_FINITE
    if value >= LONG:
        return f"{value:.2e}"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


@QUIETLY
def percent(shares: ArrayLike) -> str:
    """Write mean and standard deviation of shares in percent, as `33.20 ± 21.60`."""
    values = np.asarray(shares, float)
    known = values[~np.isnan(values)]
    if not known.size:
        return NOTHING
    mean, deviation = 100 * known.mean(), 100 * known.std(ddof=1) if known.size > 1 else 0.0
    if not (math.isfinite(mean) and math.isfinite(deviation)):
        return NOT_FINITE
    shown = "{:.2f}" if max(mean, deviation) < LONG else "{:.2e}"
    return shown.format(mean) + (f" ± {shown.format(deviation)}" if known.size > 1 else "")


def _networks(results: SweepResults) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Give the runs of each network that has a finished one, by arm and depth."""
    groups = dict(list(results.runs.groupby(["arm", "depth"])))
    return ((arm, depth, groups[arm, depth]) for arm, depth in product(results.arms, results.depths)
            if (arm, depth) in groups)  # fmt: skip


def _epochs(reached: pd.Series) -> str:
    """Write the median, in which runs that never got there count as later than all others."""
    count, median = int(reached.notna().sum()), _median_epochs(reached)
    words = "never" if math.isinf(median) else f"{median:g}"
    return words if count in (0, len(reached)) else f"{words} ({count} of {len(reached)})"


def _median_epochs(reached: pd.Series) -> float:
    """Take the median: infinity where most runs never got there."""
    return float(reached.fillna(math.inf).median())


def _median(values: pd.Series) -> float:
    return float(np.median(values.dropna())) if values.notna().any() else math.nan
