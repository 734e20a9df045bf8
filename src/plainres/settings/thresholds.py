"""Hold the smallest change of an error that counts, how sure a verdict is, and the error of a network that learnt."""

import math

from plainres.errors import BadInput

MARGIN = 0.01  # one percentage point
TARGET_ERROR = 0.1
LEVEL = 0.025  # of the false claims of each kind that the first look at networks may make
PRECISION = 1e-6  # to which errors are known: they are read in single precision


def check_margin(margin: float) -> None:
    """Raise BadInput for a margin, in whatever unit, that no change can be held against."""
    if not (margin >= 0 and math.isfinite(margin)):
        raise BadInput(f"margin {margin} is not a finite number of at least 0")


def fewest_seeds(level: float = LEVEL) -> int:
    """Count the seeds that a sign-flip test takes to reach a level: with fewer, no values can."""
    return math.ceil(math.log2(1 / level))


def is_learnt(error: float) -> bool:
    """Tell whether a training error in [0, 1] is at most `TARGET_ERROR`."""
    return error <= TARGET_ERROR + PRECISION
