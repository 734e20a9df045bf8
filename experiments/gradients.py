"""Do deep plain networks fail by the size or by the incoherence of gradients? `python -m experiments.gradients --help`.

Balduzzi et al. 2017 ("shattered gradients") and Yang et al. 2019 (mean field theory of batch norm).
"""

import sys
from dataclasses import dataclass
from typing import ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.workflows.look_into import brought_together, checked
from plainres.workflows.requests import MeasureRequest

PROGRAM = "uv run python -m experiments.gradients"


@dataclass(frozen=True)
class Flags(MeasureRequest):
    """Measure gradients by layer: how they grow towards the input, and how alike those of nearby images are.

    Two arms are added that exchange the size of their first updates by their learning rate: plain with the residual's,
    and residual with the plain's. Networks are trained where the store lacks them. Measured on training images; table
    and figures are stored with a parent run in MLflow.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--depths 18 34 --seeds 6", "--arms plain residual plain:init=dirac")


def main(flags: Flags) -> int:
    """Train what is lacking, measure, store and print."""
    asked = checked(flags)

    from plainres.explain import why_gradients
    from plainres.explain.inspection import inspect, present

    controls = why_gradients.controls(asked.sweep.configs) if asked else []
    results = brought_together(flags, asked, "gradients", controls)
    measured = inspect(results, lambda _, run: why_gradients.measures(run, flags.images))
    present(results, why_gradients.findings(measured, results))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
