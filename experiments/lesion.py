"""What is lost when blocks of a trained network are dropped or swapped? `python -m experiments.lesion --help`."""

import sys
from dataclasses import dataclass
from typing import ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.workflows.look_into import brought_together, checked
from plainres.workflows.requests import MeasureRequest

PROGRAM = "uv run python -m experiments.lesion"


@dataclass(frozen=True)
class Flags(MeasureRequest):
    """Drop blocks of trained networks, one or several, or swap them, and compare what blocks add with what they get.

    After Veit et al. 2016 and figure 7 of He et al. 2015. Networks are trained where the store lacks them. Measured on
    training images; table and figure are stored with a parent run in MLflow.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--depths 18 34 --seeds 6", "--run RUN_ID")


def main(flags: Flags) -> int:
    """Train what is lacking, measure, store and print."""
    asked = checked(flags)
    results = brought_together(flags, asked, "lesion")

    from plainres.explain import why_lesion
    from plainres.explain.inspection import inspect, present

    measured = inspect(results, lambda _, run: why_lesion.measures(run, flags.images))
    present(results, why_lesion.findings(measured, flags.images))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
