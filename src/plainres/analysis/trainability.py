"""How trainable a network is, in two numbers beside its final error."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plainres.settings.thresholds import is_learnt


def epochs_to_target(accuracies: Mapping[int, float]) -> float:
    """The first epoch whose training error is at most 10 %; NaN where none is.

    Args:
        accuracies: training accuracy in [0, 1] by epoch.
    """
    return next((float(epoch) for epoch, accuracy in sorted(accuracies.items()) if is_learnt(1 - accuracy)), math.nan)


def gradient_growth(norms: Sequence[float]) -> float:
    """The factor by which the gradient's norm grows from a layer to the one before it, fitted over all layers.

    With batch norm and without shortcuts it stays above 1, so that gradients explode with depth (Yang et al. 2019, "A
    mean field theory of batch normalization"). It is e to the power of the negative slope of the log norm over the
    layers' positions.

    Args:
        norms: of the main path's layers, the first one first; those that are zero or not finite are left out.

    Returns:
        Where fewer than two norms are left, infinity if one is infinite, and else NaN.
    """
    values = np.asarray(norms, float)
    usable = np.isfinite(values) & (values > 0)
    if usable.sum() < 2:
        return math.inf if np.isinf(values).any() else math.nan
    spread, common = np.cov(np.flatnonzero(usable), np.log(values[usable]), bias=True)[0]
    with np.errstate(over="ignore"):
        return float(np.exp(-common / spread))
