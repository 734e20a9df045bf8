"""What the runs of a sweep or a study have in common; small enough to be handed to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plainres.tracking.runs import Experiment
from plainres.tracking.source import Source


@dataclass(frozen=True)
class Job:
    """Where the runs are stored, and how they are kept from getting lost."""

    experiment: Experiment
    parent_run_id: str | None
    generation: str
    """A fresh sweep's, for which only runs that were trained for it count; empty for others."""
    source: Source
    checkpoints: Path
    checkpoint_every: int
    """Epochs, or 0 for as often as costs under 1 % of the time."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further ones of every MLflow run."""
