"""The verdict: does plain degrade with depth, and does the shortcut cure it? Computed from final training errors.

gap(d) is the final training error at depth d less that at the shallowest depth, paired by seed. Intervals are 95 % t
intervals of the mean over seeds. A variant degrades when the interval of its deepest gap lies above 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from plainres.analysis.results import SweepResults

CONFIDENCE = 0.95

Outcome = Literal["reproduced", "not reproduced", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % t interval."""

    mean: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    def __str__(self) -> str:
        """In percentage points, as `+45.2 [+38.0, +52.4]`."""
        return f"{self.mean * 100:+.1f} [{self.low * 100:+.1f}, {self.high * 100:+.1f}]"


@dataclass(frozen=True)
class Verdict:
    """The outcome, the sentence that states it, and what it rests on.

    Attributes:
        gaps: by variant, then by depth, for every depth but the shallowest; empty where seeds are too few.
        difference: plain less residual of the deepest gap, paired by seed.
    """

    outcome: Outcome
    sentence: str
    gaps: dict[str, dict[int, Interval]]
    difference: Interval | None


def judge(results: SweepResults) -> Verdict:
    """The verdict on a sweep."""
    depths = sorted(map(int, results.asked("depths")))
    gaps = {str(variant): paired_gaps(group, depths[0]) for variant, group in results.runs.groupby("variant")}
    intervals = {
        variant: {depth: t_interval(table[depth]) for depth in map(int, table.columns) if table[depth].count() >= 2}
        for variant, table in gaps.items()
    }
    lacking = _what_is_lacking(results)
    if lacking:
        return Verdict("inconclusive", f"Inconclusive: {lacking}.", intervals, None)

    shallowest, deepest = depths[0], depths[-1]
    plain, residual = intervals["plain"][deepest], intervals["residual"][deepest]
    difference = t_interval(gaps["plain"][deepest] - gaps["residual"][deepest])
    reproduced = plain.above_zero and difference.above_zero
    outcome: Outcome = "reproduced" if reproduced else "not reproduced"
    sentence = (
        f"{outcome.capitalize()}: from depth {shallowest} to {deepest} the final training error changes by {plain} for "
        f"plain networks ({_what_it_does(plain)}) and by {residual} for residual ones ({_what_it_does(residual)}); "
        f"the difference is {difference}. (Mean and {CONFIDENCE:.0%} t interval over {len(results.asked('seeds'))} "
        "seeds, in percentage points.)"
    )
    return Verdict(outcome, sentence, intervals, difference)


def _what_it_does(gap: Interval) -> str:
    return "degrades" if gap.above_zero else "does not degrade"


def paired_gaps(runs: pd.DataFrame, shallowest: int) -> pd.DataFrame:
    """Gaps of one variant's runs over its shallowest depth, by seed (rows) and deeper depth (columns)."""
    errors = runs.pivot(index="seed", columns="depth", values="train_error")
    if shallowest not in errors:
        return pd.DataFrame(index=errors.index)
    return errors.drop(columns=shallowest).sub(errors[shallowest], axis=0)


def t_interval(values: pd.Series) -> Interval:
    """Mean and 95 % t interval of at least two values, one a seed."""
    known = values.dropna().to_numpy(float)
    mean = float(known.mean())
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(known) - 1) * np.std(known, ddof=1) / np.sqrt(len(known)))
    return Interval(mean, mean - half, mean + half)


def _what_is_lacking(results: SweepResults) -> str:
    """Why there can be no verdict, or nothing."""
    if results.missing:
        return f"of the runs asked for, {len(results.missing)} aren't finished ({', '.join(results.missing)})"
    if len(results.asked("variants")) < 2:
        return "a verdict needs both variants, plain and residual"
    if len(results.asked("depths")) < 2:
        return "a verdict needs at least two depths"
    if len(results.asked("seeds")) < 2:
        return "a verdict needs at least two seeds"
    return ""
