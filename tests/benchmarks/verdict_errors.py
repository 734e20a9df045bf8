"""Measures how often rules for a verdict err: `python -m tests.benchmarks.verdict_errors` prints shares in %.

Gaps of n seeds are drawn from what they might come from, in percentage points, and judged against a margin of 1 point.
Where the true mean gap is the margin, or lies on one side of it, a claim of the other side is an error.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from plainres.analysis.statistics import sign_flip_p, t_interval
from plainres.analysis.verdict import claim_of, status_of
from plainres.settings.thresholds import TARGET_ERROR

MARGIN = 1.0
LEVEL = 0.025
SEEDS = (5, 6, 9, 20)
DRAWS = 4000

Draw = Callable[[np.random.Generator, int], np.ndarray]
Rule = Callable[[np.ndarray], str]


@dataclass(frozen=True)
class Truth:
    """What gaps might come from.

    Attributes:
        wrong: the claims that are false of it.
        right: the claim that is true of it; empty where the mean gap is the margin itself.
    """

    words: str
    draw: Draw
    wrong: tuple[str, ...]
    right: str = ""


def normal(mean: float, deviation: float) -> Draw:
    return lambda generator, seeds: generator.normal(mean, deviation, seeds)


def skewed(mean: float, direction: int) -> Draw:
    """Exponential: most values lie close to one end, few far out."""
    return lambda generator, seeds: mean + direction * 5 * (generator.exponential(1, seeds) - 1)


def tied(mean: float) -> Draw:
    """Errors come in steps of one image: three values, among them the margin itself."""
    return lambda generator, seeds: mean + generator.choice([-0.5, 0.0, 0.5], seeds)


def mixed(share: float) -> Draw:
    """A share of the seeds fails, as at 88 %, and the others have no gap."""
    return lambda generator, seeds: np.where(generator.random(seeds) < share, 88.0, 0.0)


BOTH = ("degrades", "does not degrade")
TRUTHS = (
    Truth("normal, mean gap 1 ± 5", normal(1, 5), BOTH),
    Truth("skewed upwards, mean gap 1 ± 5", skewed(1, 1), BOTH),
    Truth("skewed downwards, mean gap 1 ± 5", skewed(1, -1), BOTH),
    Truth("tied, mean gap 1", tied(1), BOTH),
    Truth("one seed in ten fails (mean gap 8.8)", mixed(0.1), ("does not degrade",), "degrades"),
    Truth("one seed in three fails (mean gap 29)", mixed(1 / 3), ("does not degrade",), "degrades"),
    Truth("normal, mean gap 0 ± 0.1", normal(0, 0.1), ("degrades",), "does not degrade"),
    Truth("normal, mean gap 20 ± 10", normal(20, 10), ("does not degrade",), "degrades"),
)


def by_flips(gaps: np.ndarray) -> str:
    """Judge by exact sign flips of the gaps less the margin, at 2.5 % each way."""
    if sign_flip_p((gaps - MARGIN).tolist()) <= LEVEL:
        return "degrades"
    return "does not degrade" if sign_flip_p((MARGIN - gaps).tolist()) <= LEVEL else "undecided"


def by_interval(gaps: np.ndarray) -> str:
    """Judge by whether the 95 % t interval lies on one side of the margin."""
    interval = t_interval(gaps.tolist())
    if interval.low > MARGIN:
        return "degrades"
    return "does not degrade" if interval.high < MARGIN else "undecided"


def by_rule(gaps: np.ndarray) -> str:
    """Judge as the verdict does: by sign flips, and without calling an arm steady of which a seed fails."""
    return status_of(*claim_of(gaps.tolist(), MARGIN), failed=int((gaps > 100 * TARGET_ERROR).sum()))


def by_both(gaps: np.ndarray) -> str:
    """Claim what both the rule and the interval claim."""
    claim = by_rule(gaps)
    return claim if claim == by_interval(gaps) else "undecided"


RULES: Mapping[str, Rule] = {"the rule": by_rule, "sign flips": by_flips, "t interval": by_interval, "both": by_both}


def shares(truth: Truth, seeds: int, draws: int = DRAWS) -> dict[str, tuple[float, ...]]:
    """For each rule the share of false claims of each kind, then of the right one, over draws of so many seeds."""
    generator = np.random.default_rng(seeds)
    samples = [truth.draw(generator, seeds) for _ in range(draws)]
    found = {}
    for name, rule in RULES.items():
        claims = [rule(sample) for sample in samples]
        asked = (*truth.wrong, *([truth.right] if truth.right else []))
        found[name] = tuple(claims.count(claim) / draws for claim in asked)
    return found


def main(draws: int = DRAWS) -> None:
    head = ["what the gaps come from", "claim", *(f"{name}, {seeds}" for name in RULES for seeds in SEEDS)]
    print(f"| {' | '.join(head)} |")
    print(f"| --- | --- |{' ---: |' * (len(head) - 2)}")
    for truth in TRUTHS:
        found = {seeds: shares(truth, seeds, draws) for seeds in SEEDS}
        for place, claim in enumerate((*truth.wrong, *([truth.right] if truth.right else []))):
            kind = "right" if claim == truth.right else "false"
            cells = [f"{100 * found[seeds][name][place]:.1f}" for name in RULES for seeds in SEEDS]
            print(f"| {truth.words} | {claim} ({kind}) | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
