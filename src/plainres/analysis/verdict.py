"""Judges from final training errors whether plain degrades with depth, and whether the shortcut cures it.

gap(d) is the final training error at depth d less that at the shallowest depth, paired by seed; its mean over seeds has
a 95 % t interval. An arm degrades at d when the interval lies above the margin, the smallest change that counts; it
does not degrade when the interval lies below; else it is undecided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from plainres.analysis.results import SweepResults, variant_of
from plainres.analysis.statistics import (
    CONFIDENCE,
    MOST_SEEDS,
    Interval,
    paired_interval,
    seeds_to_decide,
    sign_flip_p,
    t_interval,
)
from plainres.settings.thresholds import MARGIN, check_margin

MOST_LISTED = 5  # names in a sentence

Status = Literal["degrades", "does not degrade", "undecided"]
Judgement = Literal["reproduced", "not reproduced", "undecided", "incomplete"]


@dataclass(frozen=True)
class Gap:
    """Holds how an arm's final training error changes from the shallowest depth to a deeper one.

    Attributes:
        p: one-sided, of the sign-flip test against no change; exact up to 40 seeds.
        seeds_needed: how many would probably decide where they are undecided; None where over 1,000 would be needed.
    """

    interval: Interval
    p: float
    status: Status
    seeds_needed: int | None

    def __str__(self) -> str:
        return f"{self.interval} ({self.status}, p = {self.p:.3g})"


@dataclass(frozen=True)
class Verdict:
    """Holds the outcome, the sentence that states it, and what it rests on.

    Attributes:
        others: a sentence for each arm that the verdict isn't about.
        gaps: by arm, then by depth, for every depth but the shallowest; empty where seeds are too few.
        difference: plain less residual of the deepest gap, paired by seed: what the shortcut is worth.
    """

    outcome: Judgement
    sentence: str
    others: tuple[str, ...]
    margin: float
    gaps: dict[str, dict[int, Gap]]
    difference: Interval | None

    def gap(self, arm: str, depth: int) -> Gap | None:
        """Return an arm's gap at a depth, None where there is none."""
        return self.gaps.get(arm, {}).get(depth)


def judge(results: SweepResults, margin: float = MARGIN) -> Verdict:
    """Judge a sweep; the verdict is about the first plain and the first residual arm.

    Args:
        results: as from `plainres.analysis.read_sweep`.
        margin: smallest change of the error that counts, in [0, 1].

    Raises:
        BadInput: the margin is negative or not finite.
    """
    check_margin(margin)
    arms, deepest = results.arms, results.depths[-1]
    runs = results.runs[_has_error(results.runs)]
    paired = {arm: paired_gaps(runs[runs["arm"] == arm], results.depths[0]) for arm in arms}
    gaps = {arm: judged_gaps(of_arm, margin) for arm, of_arm in paired.items()}
    at_end = {arm: of_arm[deepest] for arm, of_arm in paired.items() if deepest in gaps[arm]}
    pair = tuple(next((arm for arm in arms if variant_of(arm) == variant), "") for variant in ("plain", "residual"))
    worth = _difference(at_end, *pair)
    lacking = _what_is_lacking(results, pair) or ("" if worth else "the runs at hand share no two seeds")
    others = tuple(
        _arm_sentence(arm, results, gaps[arm][deepest], {other: _difference(at_end, arm, other) for other in pair})
        for arm in at_end
        if lacking or arm not in pair
    )
    if lacking or worth is None:
        return Verdict("incomplete", f"Incomplete: {lacking}.", others, margin, gaps, None)
    of_pair = {arm: gaps[arm][deepest] for arm in pair}
    outcome = outcome_of(*(gap.status for gap in of_pair.values()))
    return Verdict(outcome, _sentence(outcome, results, of_pair, worth, margin), others, margin, gaps, worth)


def status_of(gaps: Sequence[float], margin: float) -> Status:
    """Decide what an arm does whose gaps, one a seed, are these."""
    interval = t_interval(gaps)
    if interval.low > margin:
        return "degrades"
    return "does not degrade" if interval.high < margin else "undecided"


def outcome_of(plain: Status, residual: Status) -> Judgement:
    """Decide what the statuses of both arms at the deepest depth come to."""
    if plain == "does not degrade" or residual == "degrades":
        return "not reproduced"
    return "undecided" if "undecided" in (plain, residual) else "reproduced"


def paired_gaps(runs: pd.DataFrame, shallowest: int) -> pd.DataFrame:
    """Pair one arm's runs by seed: gaps over its shallowest depth, by seed (rows) and deeper depth (columns)."""
    errors = runs.pivot(index="seed", columns="depth", values="train_error")
    if shallowest not in errors:
        return pd.DataFrame(index=errors.index)
    return errors.drop(columns=shallowest).sub(errors[shallowest], axis=0)


def judged_gaps(paired: pd.DataFrame, margin: float) -> dict[int, Gap]:
    """Judge the gaps of one arm, as from `paired_gaps`, at each depth that has two seeds."""
    columns = {int(depth): paired[depth].dropna().tolist() for depth in paired.columns}
    return {
        depth: Gap(t_interval(gaps), sign_flip_p(gaps), status_of(gaps, margin), seeds_to_decide(gaps, margin))
        for depth, gaps in columns.items()
        if len(gaps) >= 2
    }


def _difference(gaps: Mapping[str, pd.Series], arm: str, reference: str) -> Interval | None:
    """Tell how far one arm's gaps lie above another's, paired by seed; None where they share no two seeds."""
    if arm == reference or not {arm, reference} <= gaps.keys():
        return None
    return paired_interval(gaps[arm] - gaps[reference])


def _sentence(
    outcome: Judgement, results: SweepResults, gaps: Mapping[str, Gap], worth: Interval, margin: float
) -> str:
    """State the outcome, and what it rests on: the gaps of the plain and of the residual arm."""
    changes = " and ".join(f"by {gap} for {arm}" for arm, gap in gaps.items())
    return (
        f"{outcome.capitalize()}: {_span(results)} the final training error changes {changes}; the difference, what "
        f"the shortcut is worth, is {worth}.{_seeds_words(outcome, gaps.values())} (Mean and {CONFIDENCE * 100:.0f} % "
        f"t interval over {len(results.seeds)} seeds, in percentage points; what counts is more than {margin * 100:g}; "
        "p of the one-sided sign-flip test.)"
    )


def _arm_sentence(arm: str, results: SweepResults, gap: Gap, differences: Mapping[str, Interval | None]) -> str:
    """State what one arm does, and its differences from the arms of the verdict."""
    words = " and ".join(f"{difference} from {other}" for other, difference in differences.items() if difference)
    compared = f"; the difference is {words}" if words else ""
    return f"{arm} {_span(results)}: {gap}{compared}.{_seeds_words(gap.status, [gap])}"


def _span(results: SweepResults) -> str:
    return f"from depth {results.depths[0]} to {results.depths[-1]}"


def _seeds_words(outcome: Judgement | Status, gaps: Iterable[Gap]) -> str:
    """Say how many seeds would probably settle what is undecided."""
    if outcome != "undecided":
        return ""
    needed = [gap.seeds_needed for gap in gaps if gap.status == "undecided"]
    if None in needed:
        return f" At the spread seen, not even {MOST_SEEDS:,} seeds would probably decide."
    return f" At the spread seen, about {max(filter(None, needed))} seeds would probably decide."


def _what_is_lacking(results: SweepResults, pair: Sequence[str]) -> str:
    """Say why there can be no verdict on a plain and a residual arm; nothing where there can."""
    if results.missing:
        return f"of the runs asked for, {len(results.missing)} aren't finished ({_listed(results.missing)})"
    without = results.runs[~_has_error(results.runs)]
    if len(without):
        names = [f"{arm}-{depth}-seed{seed}" for arm, depth, seed in without[["arm", "depth", "seed"]].to_numpy()]
        return f"{len(names)} of the runs have no final training error ({_listed(names)})"
    if not all(pair):
        return "a verdict needs both variants, plain and residual"
    if len(results.depths) < 2:
        return "a verdict needs at least two depths"
    if len(results.seeds) < 2:
        return "a verdict needs at least two seeds"
    return ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _has_error(runs: pd.DataFrame) -> np.ndarray:
    within: np.ndarray = runs["train_error"].between(0, 1).to_numpy(bool)
    return within
