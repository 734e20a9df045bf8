"""What becomes of each arm with depth, in a word and in a sentence for all arms."""

import math
from collections.abc import Mapping

from plainres.analysis.results import SweepResults
from plainres.analysis.trainability import TARGET_ERROR
from plainres.analysis.verdict import Verdict

FAILS = f"above {TARGET_ERROR * 100:g} % at the shallowest depth already"  # which no depth can harm much further
INCOMPLETE = "runs are missing"
FATES = ("degrades", "does not degrade", "undecided", FAILS, INCOMPLETE)


def fate_of(arm: str, results: SweepResults, verdict: Verdict) -> str:
    """One of `FATES`: what the verdict says of an arm at the deepest depth, if it learns at the shallowest one."""
    of_arm = results.runs[results.runs["arm"] == arm]
    at_start = of_arm.loc[of_arm["depth"] == results.depths[0], "train_error"].mean()
    gap = verdict.gaps.get(arm, {}).get(results.depths[-1])
    if gap is None or math.isnan(at_start):
        return INCOMPLETE
    return FAILS if at_start > TARGET_ERROR else gap.status


def fates_sentence(results: SweepResults, verdict: Verdict) -> str:
    """Which arms degrade from the shallowest to the deepest depth, which do not, and which cannot be judged."""
    return f"{scope(results, verdict)}: {by_fate({arm: fate_of(arm, results, verdict) for arm in results.arms})}."


def scope(results: SweepResults, verdict: Verdict) -> str:
    """What a sentence on fates is about."""
    return (
        f"From depth {results.depths[0]} to {results.depths[-1]} ({len(results.seeds)} seeds, margin "
        f"{verdict.margin * 100:g} in percentage points)"
    )


def by_fate(fates: Mapping[str, str]) -> str:
    """Names under their fates, as `degrades: plain; does not degrade: residual`."""
    groups = {fate: [name for name in fates if fates[name] == fate] for fate in FATES}
    return "; ".join(f"{fate}: {', '.join(names)}" for fate, names in groups.items() if names)
