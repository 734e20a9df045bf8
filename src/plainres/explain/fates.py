"""What becomes of each arm with depth, in a word and in a sentence for all arms."""

import math
from collections.abc import Mapping

from plainres.analysis.results import SweepResults
from plainres.analysis.verdict import Verdict
from plainres.settings.thresholds import TARGET_ERROR, is_learnt

FAILS = f"above {TARGET_ERROR * 100:g} % at the shallowest depth already"  # which no depth can harm much further
INCOMPLETE = "runs are missing"
ALONE = "not judged, which takes two depths and two seeds"
FATES = ("degrades", "does not degrade", "undecided", FAILS, ALONE, INCOMPLETE)


def fate_of(arm: str, results: SweepResults, verdict: Verdict) -> str:
    """One of `FATES`: what the verdict says of an arm at the deepest depth, if it learns at the shallowest one."""
    of_arm = results.runs[results.runs["arm"] == arm]
    at_start = of_arm.loc[of_arm["depth"] == results.depths[0], "train_error"].mean()
    gap = verdict.gaps.get(arm, {}).get(results.depths[-1])
    if math.isnan(at_start):
        return INCOMPLETE
    if gap is None:
        return ALONE if len(results.depths) < 2 or len(results.seeds) < 2 else INCOMPLETE
    return gap.status if is_learnt(at_start) else FAILS


def fates_sentence(results: SweepResults, verdict: Verdict) -> str:
    """Which arms degrade from the shallowest to the deepest depth, which do not, and which cannot be judged."""
    return f"{scope(results, verdict)}: {by_fate({arm: fate_of(arm, results, verdict) for arm in results.arms})}."


def scope(results: SweepResults, verdict: Verdict) -> str:
    """What a sentence on fates is about."""
    seeds = len(results.seeds)
    return (
        f"From depth {results.depths[0]} to {results.depths[-1]} ({seeds} seed{'' if seeds == 1 else 's'}, margin "
        f"{verdict.margin * 100:g} in percentage points)"
    )


def by_fate(fates: Mapping[str, str]) -> str:
    """Names under their fates, as `degrades: plain; does not degrade: residual`."""
    groups = {fate: [name for name in fates if fates[name] == fate] for fate in FATES}
    return "; ".join(f"{fate}: {', '.join(names)}" for fate, names in groups.items() if names)
