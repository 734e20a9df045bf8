"""Name what happens in a sweep, as it is told to whoever shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plainres.names import FINAL_TRAIN_ERROR
from plainres.settings import RunConfig


@dataclass(frozen=True)
class Started:
    """Says that a run's training begins, or goes on, after so many epochs."""

    config: RunConfig
    epoch: int


@dataclass(frozen=True)
class Progress:
    """Says that a run has finished this epoch."""

    config: RunConfig
    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Notice:
    """Says something about a run that a person should know; `text` is one line."""

    config: RunConfig
    text: str


@dataclass(frozen=True)
class Finished:
    """Says that a run is trained and stored under this id.

    Attributes:
        metrics: those of its last epoch, the final ones among them.
        diverged: the epoch in which it diverged, if it did.
    """

    config: RunConfig
    run_id: str
    metrics: Mapping[str, float]
    diverged: int | None = None

    @property
    def train_error(self) -> float:
        """Return its error over the whole training split."""
        return self.metrics[FINAL_TRAIN_ERROR]


@dataclass(frozen=True)
class Pruned:
    """Says that a run was ended after this epoch, since who trains it wants no more of it."""

    config: RunConfig
    run_id: str
    epoch: int


@dataclass(frozen=True)
class Failed:
    """Says that a run ended without a result; `reason` is one line."""

    config: RunConfig
    reason: str
    worth_a_retry: bool = True


@dataclass(frozen=True)
class Stopped(Failed):
    """Says that a run was told to stop; it goes on from its checkpoint when it is taken up again."""

    reason: str = "was told to stop"


@dataclass(frozen=True)
class Elsewhere:
    """Says that another process trains this run."""

    config: RunConfig


Event = Started | Progress | Notice | Finished | Failed
Outcome = Finished | Pruned | Failed | Elsewhere
Tell = Callable[[Started | Progress | Notice], None]
