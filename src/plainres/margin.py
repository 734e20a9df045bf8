"""The smallest change of an error that counts."""

import math

from plainres.errors import BadInput

MARGIN = 0.01  # one percentage point


def check_margin(margin: float) -> None:
    """Raise BadInput for a margin, in whatever unit, that no change can be held against."""
    if not (margin >= 0 and math.isfinite(margin)):
        raise BadInput(f"margin {margin} is not a finite number of at least 0")
