"""Judges from final training errors whether plain degrades with depth, and whether the shortcut cures it.

gap(d) is the final training error at depth d less that at the shallowest depth, paired by seed. An arm degrades at d
when its gaps lie above the margin, the smallest change that counts, by an exact one-sided sign-flip test; it does not
degrade when they lie below and no seed failed at d; else it is undecided. The 95 % t interval is description.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from plainres.analysis.results import SweepResults, first_of_each_variant
from plainres.analysis.statistics import (
    MOST_SEEDS,
    Interval,
    holm,
    level_of_look,
    most_failures,
    paired_interval,
    seeds_to_decide,
    sign_flip_p,
    t_interval,
)
from plainres.settings.thresholds import LEVEL, MARGIN, TARGET_ERROR, check_margin, fewest_seeds, is_learnt
from plainres.sweeps.plan import verdict_lacks

MOST_LISTED = 5  # names in a sentence
NUMBERS = {2: "second", 3: "third"}
WORSE = {"degrades": ("trains", "train"), "does not degrade": ("doesn't", "don't")}

Status = Literal["degrades", "does not degrade", "undecided"]
Judgement = Literal["reproduced", "not reproduced", "undecided", "undertrained", "incomplete"]


@dataclass(frozen=True)
class Gap:
    """Holds how an arm's final training error changes from the shallowest depth to a deeper one.

    Attributes:
        before, after: mean training error at the shallowest and at the deeper depth, over the seeds that have both.
        p: one-sided, of the sign-flip test against the margin, on the side where the gaps lie; exact up to 40 seeds,
            and corrected where several arms are tested.
        seeds_needed: how many would probably decide where they are undecided; None where over 1,000 would be needed.
        is_forbidden: the gaps speak for *does not degrade*, which a seed that failed forbids, however many there are.
        failed, seeds: how many seeds end above 10 % training error at the deeper depth, of how many.
    """

    interval: Interval
    before: float
    after: float
    p: float
    status: Status
    seeds_needed: int | None
    is_forbidden: bool
    failed: int
    seeds: int

    @property
    def failures(self) -> str:
        """Says how many seeds fail, and how many of all do at most (Clopper and Pearson 1934, 95 %, one-sided)."""
        bound = f", so at most {100 * most_failures(self.failed, self.seeds):.0f} % of all do"
        return f"{self.failed} of {self.seeds} seeds fail{bound if self.failed < self.seeds else ''}"

    def __str__(self) -> str:
        return f"{self.interval} ({self.status}, p = {self.p:.3g}; {self.failures})"


@dataclass(frozen=True)
class Verdict:
    """Holds the outcome, what is said of it, and the numbers.

    Attributes:
        sentence: the outcome, in a line.
        arms: a line for the plain and one for the residual arm: what becomes of it, and how many seeds fail.
        others: such a line for each arm that the verdict isn't about.
        basis: the seeds, the test and its level; empty where nothing could be tested.
        gaps: by arm, then by depth, for every depth but the shallowest; empty where seeds are too few.
        difference: plain less residual of the deepest gap, paired by seed: what the shortcut is worth.
        differences: of each other arm's deepest gap from those of the plain and the residual arm, by these arms.
    """

    outcome: Judgement
    sentence: str
    arms: tuple[str, ...]
    others: tuple[str, ...]
    basis: str
    margin: float
    gaps: dict[str, dict[int, Gap]]
    difference: Interval | None
    differences: dict[str, dict[str, Interval]]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return all that is said, the outcome first."""
        return (self.sentence, *self.arms, *self.others, *([self.basis] if self.basis else []))

    def gap(self, arm: str, depth: int) -> Gap | None:
        """Return an arm's gap at a depth, None where there is none."""
        return self.gaps.get(arm, {}).get(depth)

    def with_depth(self, arm: str, depth: int) -> str:
        """Say what becomes of an arm at a depth; nothing where there is no gap.

        In a sweep that is *undertrained*, so is an arm that hasn't learnt at its shallowest depth.
        """
        gap = self.gap(arm, depth)
        if gap and _is_undertrained(gap, self.outcome):
            return self.outcome
        return gap.status if gap else ""


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
    level, look = level_of_look(results.looks)
    runs = results.runs[_has_error(results.runs)]
    paired = {arm: paired_gaps(runs[runs["arm"] == arm], results.depths[0]) for arm in arms}
    pair = first_of_each_variant(arms)
    gaps = _judged(runs, paired, pair, margin, level)
    at_end = {arm: of_arm[deepest] for arm, of_arm in paired.items() if deepest in gaps[arm]}
    of_pair = {arm: gaps[arm][deepest] for arm in pair if arm in at_end}
    worth = _difference(at_end, *pair)
    lacking = _what_is_lacking(results) or ("" if worth else "the runs at hand share no two seeds")
    outcome: Judgement = "incomplete"
    if not lacking:
        outcome = "undertrained"
        if any(is_learnt(gap.before) for gap in of_pair.values()):
            outcome = outcome_of(*(gap.status for gap in of_pair.values()))
    return Verdict(
        outcome,
        f"Incomplete: {lacking}." if lacking else _sentence(outcome, of_pair, results.depths[0], margin),
        tuple(_arm_line(arm, results, gap, judged=outcome != "undertrained") for arm, gap in of_pair.items()),
        tuple(_further_line(arm, results, gaps[arm][deepest], outcome) for arm in at_end if arm not in pair),
        _basis(results, margin, level, look) if at_end else "",
        margin,
        gaps,
        None if lacking else worth,
        {
            arm: {other: found for other in pair if (found := _difference(at_end, arm, other))}
            for arm in at_end
            if arm not in pair
        },
    )


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


def failures(errors: Iterable[float]) -> int:
    """Count the runs that don't end at a training error of 10 % or less."""
    return sum(not is_learnt(error) for error in errors)


def points(margin: float) -> str:
    """Write a margin in [0, 1] in percentage points."""
    return f"{100 * margin:g} percentage point{'' if margin == 0.01 else 's'}"


def claim_of(gaps: Sequence[float], margin: float) -> tuple[Status, float]:
    """Give the claim that gaps, one a seed, speak for, and the p of the sign-flip test of it against the margin."""
    above, below = (sign_flip_p([sign * (gap - margin) for gap in gaps]) for sign in (1, -1))
    return ("degrades", above) if above <= below else ("does not degrade", below)


def status_of(claim: Status, p: float, failed: int, level: float = LEVEL) -> Status:
    """Decide whether a claim can be made: absence of evidence is none, so one seed that failed forbids the second."""
    return claim if p <= level and not is_forbidden(claim, failed) else "undecided"


def is_forbidden(claim: Status, failed: int) -> bool:
    """Tell whether seeds that failed forbid a claim, however many others speak for it."""
    return claim == "does not degrade" and failed > 0


def _judged(
    runs: pd.DataFrame, paired: Mapping[str, pd.DataFrame], pair: Sequence[str], margin: float, level: float
) -> dict[str, dict[int, Gap]]:
    """Judge the gaps of each arm at each depth that has two seeds; arms beyond the pair are corrected as a family."""
    judged: dict[str, dict[int, Gap]] = {arm: {} for arm in paired}
    for depth in sorted({depth for of_arm in paired.values() for depth in of_arm.columns}):
        values = {arm: of_arm[depth].dropna().tolist() for arm, of_arm in paired.items() if depth in of_arm}
        claims = {arm: claim_of(gaps, margin) for arm, gaps in values.items() if len(gaps) >= 2}
        family = [arm for arm in claims if arm not in pair]
        corrected = dict(zip(family, holm([claims[arm][1] for arm in family]), strict=True)) if family else {}
        for arm, (claim, alone) in claims.items():
            p = corrected.get(arm, alone)
            errors = runs[(runs["arm"] == arm) & (runs["depth"] == depth)].set_index("seed")["train_error"]
            failed = failures(errors)
            later = level / 2 if len(values[arm]) >= fewest_seeds(level) else level  # if this look could decide
            needed = seeds_to_decide(values[arm], margin, later)
            status = status_of(claim, p, failed, level)
            interval, after = t_interval(values[arm]), float(errors[paired[arm][depth].dropna().index].mean())
            before = max(0.0, after - interval.mean)
            forbidden = is_forbidden(claim, failed)
            judged[arm][int(depth)] = Gap(
                interval, before, after, p, status, needed, forbidden, failed, len(errors)
            )  # fmt: skip
    return judged


def _difference(gaps: Mapping[str, pd.Series], arm: str, reference: str) -> Interval | None:
    """Tell how far one arm's gaps lie above another's, paired by seed; None where they share no two seeds."""
    if arm == reference or not {arm, reference} <= gaps.keys():
        return None
    return paired_interval(gaps[arm] - gaps[reference])


def _sentence(outcome: Judgement, gaps: Mapping[str, Gap], shallowest: int, margin: float) -> str:
    """State the outcome from the gaps of the plain and of the residual arm."""
    if outcome == "undertrained":
        return (
            f"Undertrained: with {shallowest} layers {' and '.join(gaps)} already end above {TARGET_ERROR * 100:g} % "
            "training error; what depth does has not been asked yet, and takes more epochs."
        )
    worse = f"worse by more than {points(margin)}"
    by_status = {status: [arm for arm, gap in gaps.items() if gap.status == status] for status in ("undecided", *WORSE)}
    if outcome == "undecided":
        either, needed = " or ".join(by_status["undecided"]), _seeds_words(gaps.values())
        return f"Undecided: it can't be said yet of {either} whether it trains {worse} with depth{needed}."
    said = [
        f"{' and '.join(arms)} {words[len(arms) > 1]}" for status, words in WORSE.items() if (arms := by_status[status])
    ]
    said[0] += f" {worse}" if by_status["degrades"] else f" train {worse}"
    return f"{outcome.capitalize()}: with depth {', and '.join(said)}."


def _arm_line(arm: str, results: SweepResults, gap: Gap, *, judged: bool = True) -> str:
    """Say what becomes of an arm from the shallowest to the deepest depth."""
    does = f" {'is ' if gap.status == 'undecided' else ''}{gap.status}" if judged else ""
    return (
        f"{arm}{does}: training error {100 * gap.before:.1f} % with {results.depths[0]} layers, "
        f"{100 * gap.after:.1f} % with {results.depths[-1]}, where {gap.failures}"
    )


def _is_undertrained(gap: Gap, outcome: Judgement) -> bool:
    """Whether an arm hasn't learnt at its shallowest depth, in a sweep of which that is the outcome."""
    return outcome == "undertrained" and not is_learnt(gap.before)


def _further_line(arm: str, results: SweepResults, gap: Gap, outcome: Judgement) -> str:
    """Say what becomes of an arm that the verdict isn't about; what is undertrained takes epochs, and no more seeds."""
    if _is_undertrained(gap, outcome):
        return _arm_line(arm, results, gap, judged=False)
    return _arm_line(arm, results, gap) + _seeds_words([gap])


def _basis(results: SweepResults, margin: float, level: float, look: int) -> str:
    """Say what was tested, and in which look at these networks."""
    further = set(results.arms) - set(first_of_each_variant(results.arms))
    looks = "" if look == 1 else f", {NUMBERS.get(look, f'{look}th')} look at these networks"
    return (
        f"By {len(results.seeds)} seeds and a sign-flip test of whether the training error changes by more than "
        f"{points(margin)}, at the {100 * level:g} % level{looks}. "
        f"A seed fails if it ends above {TARGET_ERROR * 100:g} % training error; what is said of all seeds holds with "
        "95 % confidence."
        + (" Arms beyond the first plain and residual one are corrected by Holm's method." if further else "")
    )


def _seeds_words(gaps: Iterable[Gap]) -> str:
    """Say how many seeds would probably settle what is undecided of these."""
    undecided = [gap for gap in gaps if gap.status == "undecided"]
    if not undecided:
        return ""
    if any(gap.is_forbidden for gap in undecided):
        return "; more seeds won't decide, since one that fails forbids to say that it doesn't"
    needed = [gap.seeds_needed for gap in undecided]
    if None in needed:
        return f"; at this spread not even {MOST_SEEDS:,} seeds would probably decide"
    return f"; about {max(filter(None, needed))} seeds would probably decide"


def _what_is_lacking(results: SweepResults) -> str:
    """Say why there can be no verdict on a plain and a residual arm; nothing where there can."""
    if results.missing:
        return f"of the runs asked for, {len(results.missing)} aren't finished ({_listed(results.missing)})"
    without = results.runs[~_has_error(results.runs)]
    if len(without):
        names = [f"{arm}-{depth}-seed{seed}" for arm, depth, seed in without[["arm", "depth", "seed"]].to_numpy()]
        return f"{len(names)} of the runs have no final training error ({_listed(names)})"
    lacking = verdict_lacks(results.arms, results.depths, results.seeds)
    return f"a verdict needs {' and '.join(lacking)}" if lacking else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _has_error(runs: pd.DataFrame) -> np.ndarray:
    within: np.ndarray = runs["train_error"].between(0, 1).to_numpy(bool)
    return within
