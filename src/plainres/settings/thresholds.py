"""Hold the smallest change of an error that counts, and the error of a network that has learnt."""

import math

from plainres.errors import BadInput

MARGIN = 0.01  # one percentage point
TARGET_ERROR = 0.1
PRECISION = 1e-6  # to which errors are known: they are read in single precision


def check_margin(margin: float) -> None:
    """Raise BadInput for a margin, in whatever unit, that no change can be held against."""
    if not (margin >= 0 and math.isfinite(margin)):
        raise BadInput(f"margin {margin} is not a finite number of at least 0")


def is_learnt(error: float) -> bool:
    """Tell whether a training error in [0, 1] is at most `TARGET_ERROR`."""
    return error <= TARGET_ERROR + PRECISION
