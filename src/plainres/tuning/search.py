"""Tells how networks are tuned: what is searched, drawn by whom, for what; the same for all that are compared."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.settings.declaration import TUNING, check_values, setting, under
from plainres.sweeps.plan import check_distinct
from plainres.tuning.space import SEARCHABLE, Choices, Dimension, LogRange


@dataclass(frozen=True)
@under(TUNING)
class Search:
    """Tells how a network is tuned; every network of a comparison is tuned by the same search."""

    searched: tuple[str, ...] = setting(
        ("lr", "batch_size"), "What is searched: any of lr, batch_size and weight_decay.",
        option="search", words="setting to search", choices=SEARCHABLE,
    )  # fmt: skip
    lr_range: tuple[float, float] = setting(
        (1e-3, 1.0), "Lowest and highest learning rate, searched log-uniformly.", words="learning rate"
    )
    batch_sizes: tuple[int, ...] = setting((16, 32, 64, 128, 256), "Batch sizes that are tried.", words="batch size")
    weight_decay_range: tuple[float, float] = setting(
        (1e-6, 1e-2), "Lowest and highest weight decay, searched log-uniformly.", words="weight decay"
    )
    budget: str = setting(
        "epochs",
        "What trials of all batch sizes have in common: epochs, so that they see the same number of images, or steps.",
        choices=("epochs", "steps"),
    )
    objective: str = setting(
        "train_loss",
        "Minimised: train_loss, train_error, validation_loss or validation_error. The test split never counts.",
        choices=("train_loss", "train_error", "validation_loss", "validation_error"),
    )
    pruner: str = setting(
        "median", "Stops trials that do badly early on: median, hyperband, or none to train all of them to the end.",
        choices=("median", "hyperband", "none"),
    )  # fmt: skip
    pruner_warmup: int | None = setting(
        None, "Epochs that every trial trains before it can be pruned.", shown="a third of the epochs"
    )
    sampler: str = setting(
        "tpe",
        "Draws the trials: tpe, which goes by those before, random, or qmc (quasi-random, a scrambled Sobol sequence).",
        choices=("tpe", "random", "qmc"),
    )
    sampler_seed: int = setting(0, "Of the draws; the same for every network.", least=0, most=2**32 - 1)

    def __post_init__(self) -> None:
        """Raise BadInput for a search that can't be made."""
        for what, (low, high) in (("learning rates", self.lr_range), ("weight decays", self.weight_decay_range)):
            if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
                raise BadInput(f"{what} from {low:g} to {high:g} are no range: it needs 0 < low < high")
        check_distinct("batch size", self.batch_sizes)
        check_distinct("setting to search", self.searched)
        check_values(self)

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
