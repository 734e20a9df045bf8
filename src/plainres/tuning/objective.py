"""What a study minimises, read from a run's metrics; the test split is none of it."""

import math
import sys
from collections.abc import Iterable, Mapping

from optuna.trial import FrozenTrial, TrialState


def epoch_metric(objective: str) -> str:
    """The metric that tells the objective after an epoch."""
    split, _, quantity = objective.partition("_")
    return f"loss/{split}" if quantity == "loss" else f"accuracy/{split}"


def epoch_value(objective: str, metrics: Mapping[str, float]) -> float:
    """The objective after an epoch, which pruning goes by.

    Of the training images it's the mean over the epoch's steps in training mode: the nearest that costs nothing.
    """
    value = metrics[epoch_metric(objective)]
    return value if objective.endswith("loss") else 1 - value


def final_value(objective: str, metrics: Mapping[str, float]) -> float:
    """The objective of a trained run, from its last epoch's metrics: over the whole split in evaluation mode."""
    return metrics[f"final/{objective}"] if objective.startswith("train_") else epoch_value(objective, metrics)


def is_known(value: float) -> bool:
    """Whether a value is a number; infinity is stored by MLflow's databases as the largest float."""
    return abs(value) < sys.float_info.max


def chance_value(objective: str, classes: int) -> float:
    """The objective of a network that knows nothing: every class equally likely."""
    return math.log(classes) if objective.endswith("loss") else 1 - 1 / classes


def worst_value(trials: Iterable[FrozenTrial], own: Iterable[float], chance: float) -> float:
    """What a diverged trial counts as: the worst finite value of the study's trials, of its own epochs, and of chance.

    A worst value is known even when the very first trial diverges, and no diverged trial is better than guessing.
    """
    ended = [trial.value for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    known = [value for value in (*ended, *own) if value is not None and math.isfinite(value)]
    return max([chance, *known])
