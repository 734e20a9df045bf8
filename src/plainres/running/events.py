"""What happens in a sweep, as it is told to whoever shows it."""

from dataclasses import dataclass

from plainres.config import RunConfig


@dataclass(frozen=True)
class Progress:
    """A run's training begins after so many epochs, or has finished one more."""

    config: RunConfig
    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Notice:
    """Something about a run that a person should know; `text` is one line."""

    config: RunConfig
    text: str


@dataclass(frozen=True)
class Finished:
    """A run is trained and stored under this id; `diverged` is the epoch in which it did, if it did."""

    config: RunConfig
    run_id: str
    train_error: float
    diverged: int | None = None


@dataclass(frozen=True)
class Failed:
    """A run ended without a result; `reason` is one line."""

    config: RunConfig
    reason: str
    worth_a_retry: bool = True


@dataclass(frozen=True)
class Stopped(Failed):
    """A run was told to stop; it goes on from its checkpoint when it is taken up again."""

    reason: str = "was told to stop"


@dataclass(frozen=True)
class Elsewhere:
    """Another process trains this run."""

    config: RunConfig


Event = Progress | Notice | Finished | Failed
Outcome = Finished | Failed | Elsewhere
