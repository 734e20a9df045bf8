"""Tells how networks are tuned: what is searched, drawn by whom, for what; the same for all that are compared."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.settings.declaration import check_choice
from plainres.sweeps.plan import check_distinct
from plainres.tuning.space import SEARCHABLE, Choices, Dimension, LogRange

# What can be minimised; the test split is none of it.
OBJECTIVES = ("train_loss", "train_error", "validation_loss", "validation_error")
PRUNERS = ("median", "hyperband", "none")
SAMPLERS = ("tpe", "random", "qmc")
BUDGETS = ("epochs", "steps")


@dataclass(frozen=True)
class Search:
    """Tells how a network is tuned; every network of a comparison is tuned by the same search.

    Attributes:
        lr_range: lowest and highest learning rate, searched log-uniformly.
        batch_sizes: the ones that are tried.
        objective: one of `OBJECTIVES`, minimised.
        pruner: one of `PRUNERS`.
        pruner_warmup: epochs that every trial may train before it can be pruned; None for a third of the epochs.
        sampler_seed: with a trial's place in its study it seeds that trial's draw.
        searched: the settings that are searched, of `SEARCHABLE`; the others are the recipe's.
        weight_decay_range: lowest and highest weight decay, searched log-uniformly.
        sampler: one of `SAMPLERS`.
        budget: one of `BUDGETS`: what trials of different batch sizes have in common.
    """

    lr_range: tuple[float, float]
    batch_sizes: tuple[int, ...]
    objective: str
    pruner: str
    pruner_warmup: int | None
    sampler_seed: int
    searched: tuple[str, ...] = ("lr", "batch_size")
    weight_decay_range: tuple[float, float] = (1e-6, 1e-2)
    sampler: str = "tpe"
    budget: str = "epochs"

    def __post_init__(self) -> None:
        """Raise BadInput for a search that can't be made."""
        for what, (low, high) in (("learning rates", self.lr_range), ("weight decays", self.weight_decay_range)):
            if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
                raise BadInput(f"{what} from {low:g} to {high:g} are no range: it needs 0 < low < high")
        check_distinct("batch size", self.batch_sizes)
        check_distinct("setting to search", self.searched)
        for name in self.searched:
            check_choice("setting to search", name, SEARCHABLE)
        for what, value, choices in (
            ("objective", self.objective, OBJECTIVES),
            ("pruner", self.pruner, PRUNERS),
            ("sampler", self.sampler, SAMPLERS),
            ("budget", self.budget, BUDGETS),
        ):
            check_choice(what, value, choices)
        if not 0 <= self.sampler_seed < 2**32:
            raise BadInput(f"sampler seed {self.sampler_seed} is outside 0 to 2**32 - 1")

    @property
    def space(self) -> tuple[Dimension, ...]:
        """List what is searched, in the order in which it is drawn."""
        dimensions: dict[str, Dimension] = {
            "lr": LogRange("lr", *self.lr_range),
            "batch_size": Choices("batch_size", self.batch_sizes),
            "weight_decay": LogRange("weight_decay", *self.weight_decay_range),
        }
        return tuple(dimensions[name] for name in SEARCHABLE if name in self.searched)


def trial_settings(config: RunConfig, values: Mapping[str, Any], budget: str) -> dict[str, Any]:
    """List the settings in which the trial of these values differs from the configuration of its network.

    With equal epochs every trial sees the same number of images. With equal steps, epochs and warm-up grow with the
    batch size, so that steps are those of the configuration's own batch size but for rounding to whole epochs.
    """
    if budget == "epochs" or "batch_size" not in values:
        return dict(values)
    factor, half = Fraction(values["batch_size"], config.batch_size), Fraction(1, 2)  # halves are rounded up
    epochs = max(1, math.floor(config.epochs * factor + half))
    warmup = min(math.floor(config.warmup_epochs * factor + half), epochs - 1)
    return {**values, "epochs": epochs, **({"warmup_epochs": warmup} if config.warmup_epochs else {})}


def budget_words(budget: str, config: RunConfig) -> str:
    """Write the budget as a definition has it; steps are those of the configuration's batch size."""
    return budget if budget == "epochs" else f"steps of batch size {config.batch_size}"


def epoch_metric(objective: str) -> str:
    """Name the metric that tells the objective after an epoch."""
    split, _, quantity = objective.partition("_")
    return f"loss/{split}" if quantity == "loss" else f"accuracy/{split}"


def epoch_value(objective: str, metrics: Mapping[str, float]) -> float:
    """Read the objective after an epoch, which pruning goes by.

    Of the training images it's the mean over the epoch's steps in training mode: the nearest that costs nothing.
    """
    value = metrics[epoch_metric(objective)]
    return value if objective.endswith("loss") else 1 - value


def final_value(objective: str, metrics: Mapping[str, float]) -> float:
    """Read the objective of a trained run from its last epoch's metrics: over the whole split in evaluation mode."""
    return metrics[f"final/{objective}"] if objective.startswith("train_") else epoch_value(objective, metrics)


def is_known(value: float) -> bool:
    """Tell whether a value is a number; infinity is stored by MLflow's databases as the largest float."""
    return abs(value) < sys.float_info.max
