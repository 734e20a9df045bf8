"""What a study is: one network's search over learning rate and batch size, the same for every network asked for."""

import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from plainres.config import changed
from plainres.declaration import check_choice
from plainres.errors import BadInput
from plainres.settings import DECLARED, RunConfig, identity_of
from plainres.sweeps.plan import check_distinct, plan_sweep

OBJECTIVES = ("train_loss", "train_error", "validation_loss", "validation_error")
PRUNERS = ("median", "hyperband", "none")
DEFAULT_PREFIX = "lr-batch-size"

SEARCHED = ("lr", "batch_size")


@dataclass(frozen=True)
class Search:
    """How a network is tuned; every network of a comparison is tuned by the same search.

    Attributes:
        lr_range: lowest and highest learning rate, searched log-uniformly.
        batch_sizes: the ones that are tried.
        objective: one of `OBJECTIVES`, minimised.
        pruner: one of `PRUNERS`.
        pruner_warmup: epochs that every trial may train before it can be pruned; None for a third of the epochs.
        sampler_seed: with a trial's place in its study it seeds that trial's draw.
    """

    lr_range: tuple[float, float]
    batch_sizes: tuple[int, ...]
    objective: str
    pruner: str
    pruner_warmup: int | None
    sampler_seed: int

    def __post_init__(self) -> None:
        """Raise BadInput for a search that can't be made."""
        low, high = self.lr_range
        if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
            raise BadInput(f"learning rates from {low:g} to {high:g} are no range: it needs 0 < low < high")
        check_distinct("batch size", self.batch_sizes)
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("pruner", self.pruner, PRUNERS)
        if not 0 <= self.sampler_seed < 2**32:
            raise BadInput(f"sampler seed {self.sampler_seed} is outside 0 to 2**32 - 1")


@dataclass(frozen=True)
class StudyPlan:
    """One network's study; `plan_studies` makes them.

    Attributes:
        prefix: what the names of all studies of one comparison begin with.
        config: a trial's configuration but for its learning rate and batch size, which here are the first trial's.
    """

    prefix: str
    search: Search
    config: RunConfig

    def __post_init__(self) -> None:
        """Raise BadInput for a batch size or a pruner's warm-up that this network's runs can't have."""
        for batch_size in self.search.batch_sizes:
            changed(self.config, batch_size=batch_size)
        if not 0 <= self.pruner_warmup <= self.config.epochs:
            raise BadInput(f"the pruner's warm-up of {self.pruner_warmup} epochs is outside 0 to {self.config.epochs}")

    @property
    def network(self) -> str:
        """The arm at its depth, as `plain-34`."""
        return self.config.network

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return study_name(self.prefix, self.config)

    @property
    def pruner_warmup(self) -> int:
        """Epochs before a trial may be pruned."""
        warmup = self.search.pruner_warmup
        return max(1, self.config.epochs // 3) if warmup is None else warmup

    @property
    def first_trial(self) -> dict[str, Any] | None:
        """The recipe's learning rate and batch size, or None if they lie outside the space."""
        low, high = self.search.lr_range
        if low <= self.config.lr <= high and self.config.batch_size in self.search.batch_sizes:
            return {"lr": self.config.lr, "batch_size": self.config.batch_size}
        return None

    def trial_config(self, lr: float, batch_size: int) -> RunConfig:
        """The run that a trial of these values trains. Epochs are the same for all, and so are the images seen."""
        return changed(self.config, lr=lr, batch_size=batch_size)

    @property
    def definition(self) -> dict[str, Any]:
        """Everything that the outcome of a trial and the choice of the next one depend on, as JSON holds it."""
        search = self.search
        return {
            "lowest learning rate": search.lr_range[0],
            "highest learning rate": search.lr_range[1],
            "batch sizes": list(search.batch_sizes),
            "objective": search.objective,
            "pruner": search.pruner,
            "pruner's warm-up": self.pruner_warmup,
            "sampler seed": search.sampler_seed,
            "first trial": self.first_trial,
            **run_settings(self.config),
            "seed": self.config.seed,
        }


def study_name(prefix: str, config: RunConfig) -> str:
    """The name of a network's study, as `lr-batch-size/digits/plain-34`."""
    return f"{prefix}/{config.dataset}/{config.network}"


def run_settings(config: RunConfig) -> dict[str, Any]:
    """What a run and the study that tunes it must share: the identity, but for what is searched and the seed."""
    return {name: _in_json(value) for name, value in identity_of(config).items() if name not in (*SEARCHED, "seed")}


def _in_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def differences(stored: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """In words, what two definitions differ in; a setting that came after the stored one had its default then."""
    defaults = {name: _in_json(each.default) for name, each in DECLARED.items() if each.default is not MISSING}
    before = defaults | stored
    return [
        f"{name.replace('_', ' ')} is {before.get(name)}, not {value}"
        for name, value in asked.items()
        if before.get(name) != value
    ]


def plan_studies(
    arms: Sequence[str], depths: Sequence[int], seed: int, *, prefix: str, search: Search, settings: dict[str, Any]
) -> tuple[StudyPlan, ...]:
    """A study for each arm at each depth, deepest first.

    Args:
        seed: of every trial's initial weights and order of the images, so that trials differ in what is searched.
        prefix: what the studies' names begin with.
        search: how each is tuned.
        settings: those of `plainres.config.configure`; learning rate and batch size are the first trial's.

    Raises:
        BadInput: what `plan_sweep` refuses, or a search that doesn't suit the runs.
    """
    if not prefix.strip():
        raise BadInput("the studies' name is empty")
    configs = plan_sweep(arms, depths, [seed], **settings).configs
    return tuple(StudyPlan(prefix, search, config) for config in configs)
