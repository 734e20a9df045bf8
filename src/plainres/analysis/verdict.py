"""The verdict: does plain degrade with depth, and does the shortcut cure it? Computed from final training errors.

gap(d) is the final training error at depth d less that at the shallowest depth, paired by seed; its mean over seeds has
a 95 % t interval. An arm degrades at d when the interval lies above the margin, the smallest change that counts; it
does not degrade when the interval lies below; else it is undecided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from plainres.analysis.results import SweepResults, variant_of
from plainres.analysis.statistics import CONFIDENCE, MOST_SEEDS, Interval, seeds_to_decide, sign_flip_p, t_interval
from plainres.settings.thresholds import MARGIN, check_margin

MOST_LISTED = 5  # names in a sentence

Status = Literal["degrades", "does not degrade", "undecided"]
Judgement = Literal["reproduced", "not reproduced", "undecided", "incomplete"]


@dataclass(frozen=True)
class Gap:
    """How the final training error of an arm changes from the shallowest depth to a deeper one.

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
    """The outcome, the sentence that states it, and what it rests on.

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


def judge(results: SweepResults, margin: float = MARGIN) -> Verdict:
    """The verdict on a sweep; it is about the first plain and the first residual arm.

    Args:
        results: as from `plainres.analysis.load_sweep`.
        margin: smallest change of the error that counts, in [0, 1].

    Raises:
        BadInput: the margin is negative or not finite.
    """
    check_margin(margin)
    depths, arms = results.depths, results.arms
    runs = results.runs[_has_error(results.runs)]
    paired = {arm: paired_gaps(runs[runs["arm"] == arm], depths[0]) for arm in arms}
    gaps = {
        arm: {int(depth): _gap(table[depth], margin) for depth in table.columns if table[depth].count() >= 2}
        for arm, table in paired.items()
    }
    deepest = {arm: table[depths[-1]] for arm, table in paired.items() if depths[-1] in gaps[arm]}
    plain, residual = (_first_of(variant, arms) for variant in ("plain", "residual"))
    worth = (deepest[plain] - deepest[residual]).dropna() if plain in deepest and residual in deepest else pd.Series()
    lacking = _what_is_lacking(results, plain, residual) or (
        "" if len(worth) >= 2 else "the runs at hand share no two seeds"
    )
    headline = (plain, residual) if not lacking else ()
    others = tuple(
        _arm_sentence(arm, depths, gaps[arm][depths[-1]], deepest, (plain, residual))
        for arm in arms
        if arm in deepest and arm not in headline
    )
    if lacking or plain is None or residual is None:
        return Verdict("incomplete", f"Incomplete: {lacking}.", others, margin, gaps, None)

    of_plain, of_residual = gaps[plain][depths[-1]], gaps[residual][depths[-1]]
    difference = t_interval(list(worth))
    outcome = outcome_of(of_plain.status, of_residual.status)
    sentence = (
        f"{outcome.capitalize()}: from depth {depths[0]} to {depths[-1]} the final training error changes by "
        f"{of_plain} for {plain} and by {of_residual} for {residual}; the difference, what the shortcut is worth, is "
        f"{difference}.{_seeds_words(outcome, (of_plain, of_residual))} (Mean and {CONFIDENCE * 100:.0f} % t interval "
        f"over {len(results.seeds)} seeds, in percentage points; what counts is more than {margin * 100:g}; p of the "
        "one-sided sign-flip test.)"
    )
    return Verdict(outcome, sentence, others, margin, gaps, difference)


def status_of(interval: Interval, margin: float) -> Status:
    """What an arm does whose gap has this interval."""
    if interval.low > margin:
        return "degrades"
    return "does not degrade" if interval.high < margin else "undecided"


def outcome_of(plain: Status, residual: Status) -> Judgement:
    """What the statuses of both at the deepest depth come to."""
    if plain == "does not degrade" or residual == "degrades":
        return "not reproduced"
    return "undecided" if "undecided" in (plain, residual) else "reproduced"


def paired_gaps(runs: pd.DataFrame, shallowest: int) -> pd.DataFrame:
    """Gaps of one arm's runs over its shallowest depth, by seed (rows) and deeper depth (columns)."""
    errors = runs.pivot(index="seed", columns="depth", values="train_error")
    if shallowest not in errors:
        return pd.DataFrame(index=errors.index)
    return errors.drop(columns=shallowest).sub(errors[shallowest], axis=0)


def _gap(column: pd.Series, margin: float) -> Gap:
    values = list(column.dropna())
    interval = t_interval(values)
    status = status_of(interval, margin)
    return Gap(interval, sign_flip_p(values), status, seeds_to_decide(values, margin))


def _arm_sentence(
    arm: str, depths: tuple[int, ...], gap: Gap, deepest: dict[str, pd.Series], references: Iterable[str | None]
) -> str:
    """What one arm does, and its difference from the arms of the verdict."""
    differences = [
        f"{t_interval(list(values))} from {reference}"
        for reference in references
        if reference in deepest and reference != arm
        for values in [(deepest[arm] - deepest[reference]).dropna()]
        if len(values) >= 2
    ]
    compared = f"; the difference is {' and '.join(differences)}" if differences else ""
    return f"{arm} from depth {depths[0]} to {depths[-1]}: {gap}{compared}.{_seeds_words(gap.status, [gap])}"


def _seeds_words(outcome: Judgement | Status, gaps: Iterable[Gap]) -> str:
    """How many seeds would probably settle what is undecided."""
    if outcome != "undecided":
        return ""
    needed = [gap.seeds_needed for gap in gaps if gap.status == "undecided"]
    counts = [count for count in needed if count is not None]
    if len(counts) < len(needed):
        return f" At the spread seen, not even {MOST_SEEDS:,} seeds would probably decide."
    return f" At the spread seen, about {max(counts)} seeds would probably decide."


def _first_of(variant: str, arms: Iterable[str]) -> str | None:
    return next((arm for arm in arms if variant_of(arm) == variant), None)


def _what_is_lacking(results: SweepResults, plain: str | None, residual: str | None) -> str:
    """Why there can be no verdict, or nothing."""
    if results.missing:
        return f"of the runs asked for, {len(results.missing)} aren't finished ({_listed(results.missing)})"
    without = results.runs[~_has_error(results.runs)]
    if len(without):
        names = [f"{arm}-{depth}-seed{seed}" for arm, depth, seed in without[["arm", "depth", "seed"]].to_numpy()]
        return f"{len(names)} of the runs have no final training error ({_listed(names)})"
    if plain is None or residual is None:
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
