"""How does the loss lie around trained networks, and how sharply does it curve through their training?

`python -m experiments.landscape --help`; Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets".
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.settings.declaration import setting
from plainres.workflows.look_into import brought_together, checked
from plainres.workflows.requests import MeasureRequest

PROGRAM = "uv run python -m experiments.landscape"


@dataclass(frozen=True)
class Flags(MeasureRequest):
    """Draw the loss around trained networks along random directions, and follow its curvature through training.

    Directions are filter-normalised; batch norm keeps its running statistics. How the loss rises is compared where both
    networks fit their images. Networks are trained where the store lacks them, with the probe `sharpness`; of finished
    runs that were trained without it, start and end are measured.
    Table and figures are stored with a parent run in MLflow.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--depths 34 --seeds 3", "--run RUN_ID")

    OWN: ClassVar[Mapping[str, Any]] = {"probes": ("sharpness",)}

    directions: int = setting(5, "Random directions for each network.", least=1)


def main(flags: Flags) -> int:
    """Train what is lacking, measure, store and print."""
    asked = checked(flags)
    results = brought_together(flags, asked, "landscape")

    from plainres.explain import why_landscape
    from plainres.explain.inspection import inspect, present

    around = why_landscape.Around(results, flags.images, flags.directions)
    measured = inspect(results, around.measure)
    present(results, why_landscape.findings(measured, around))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
