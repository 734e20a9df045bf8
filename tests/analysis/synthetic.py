"""Results of sweeps that were never trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from plainres.analysis.results import GRADIENTS, RESULTS, SweepResults, variant_of

Errors = Mapping[tuple[str, int], Sequence[float]]


def sweep_of(errors: Errors, missing: tuple[str, ...] = (), **columns: Any) -> SweepResults:
    """A sweep with these final training errors by arm and depth, one a seed, and other columns of one value each."""
    rows = [
        {
            "arm": arm, "variant": variant_of(arm), "depth": depth, "seed": seed, "train_error": error,
            "test_error": error, "train_loss": error, "test_loss": error, "gradient_ratio": 2.0,
            "gradient_growth": 1.05, "epochs_to_10": 3.0, "diverged": False, "seconds": 1.5,
            "processor": "", "commit": "",
            "run_id": f"{arm}-{depth}-{seed}", **columns,
        }
        for (arm, depth), values in errors.items()
        for seed, error in enumerate(values)
    ]  # fmt: skip
    params = {
        "arms": " ".join(dict.fromkeys(arm for arm, _ in errors)),
        "depths": " ".join(dict.fromkeys(str(depth) for _, depth in errors)),
        "seeds": " ".join(str(seed) for seed in range(max(map(len, errors.values()), default=0))),
    }
    runs, gradients = pd.DataFrame(rows, columns=list(RESULTS)), pd.DataFrame(columns=list(GRADIENTS))
    return SweepResults("", "", "", params, runs, gradients, missing)


def gradients_of(norms: Mapping[tuple[str, int], Sequence[Sequence[float]]]) -> pd.DataFrame:
    """Norms by arm and depth: a list a seed, a value a layer, alike at both times."""
    rows = [
        (arm, variant_of(arm), depth, seed, f"layer{index}", index / (len(values) - 1), when, norm)
        for (arm, depth), seeds in norms.items()
        for seed, values in enumerate(seeds)
        for index, norm in enumerate(values)
        for when in ("initialisation", "end")
    ]
    return pd.DataFrame(rows, columns=list(GRADIENTS))


def curves_of(accuracies: Mapping[tuple[str, int], Sequence[Sequence[float]]]) -> pd.DataFrame:
    """Accuracies by arm and depth: a list a seed, a value an epoch, alike in training and validation."""
    rows = [
        {
            "arm": arm, "variant": variant_of(arm), "depth": depth, "seed": seed, "epoch": epoch,
            "accuracy/train": accuracy, "accuracy/validation": accuracy,
        }
        for (arm, depth), seeds in accuracies.items()
        for seed, values in enumerate(seeds)
        for epoch, accuracy in enumerate(values, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)
