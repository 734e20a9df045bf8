"""A sweep's results with the verdict on them: what `plainres.compare` gives."""

from dataclasses import dataclass

from plainres.analysis.results import SweepResults, load_sweep
from plainres.analysis.verdict import MARGIN, Verdict, judge


@dataclass(frozen=True)
class JudgedSweep(SweepResults):
    """A sweep as its store has it.

    Attributes:
        verdict: on its results.
    """

    verdict: Verdict


def load_judged(parent_run_id: str, tracking_uri: str | None = None, margin: float = MARGIN) -> JudgedSweep:
    """As `plainres.analysis.load_sweep`, judged by a margin in [0, 1]."""
    results = load_sweep(parent_run_id, tracking_uri)
    return JudgedSweep(**vars(results), verdict=judge(results, margin))
