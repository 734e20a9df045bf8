"""Do deep plain networks fail by the size or by the incoherence of gradients? `python -m experiments.gradients --help`.

Balduzzi et al. 2017 ("shattered gradients") and Yang et al. 2019 (mean field theory of batch norm).
"""

import sys
from dataclasses import dataclass
from typing import ClassVar

from plainres.cli.command_line import exit_code, run_command
from plainres.errors import BadInput
from plainres.settings.declaration import setting
from plainres.sweeps.arms import dosed, parse_arm
from plainres.sweeps.plan import check_distinct
from plainres.workflows.look_into import brought_together, checked
from plainres.workflows.requests import MeasureRequest

PROGRAM = "uv run python -m experiments.gradients"


@dataclass(frozen=True)
class Flags(MeasureRequest):
    """Measure gradients by layer: how they grow towards the input, and how alike those of two images are.

    Three arms are added that exchange their first updates by their learning rate: plain with the residual's size,
    residual with the plain's, and plain with equal updates of all layers. With --leaks, further ones turn the growth of
    gradients. Networks are trained where the store lacks them. Measured on training images; table and figures are
    stored with a parent run in MLflow.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--depths 18 34 --seeds 6", "--arms plain residual plain:init=dirac")

    leaks: tuple[float, ...] = setting(
        (), "Slopes below zero of a leaky rectifier, each of which the first plain arm is trained with as well: the "
        "smaller 1 - slope, the less its gradients grow. 0 is that arm itself.",
        words="leak", least=0, most=1, shown="none",
    )  # fmt: skip


def main(flags: Flags) -> int:
    """Train what is lacking, measure, store and print."""
    asked = checked(flags)
    if flags.leaks and not asked:
        raise BadInput("--leaks trains further arms, and --run trains nothing: name finished runs of such arms")
    turned = leaky_arms(flags)

    from plainres.explain import why_gradients
    from plainres.explain.first_updates import controls
    from plainres.explain.inspection import inspect, present

    exchanging = controls(asked.sweep.configs) if asked else []
    results = brought_together(flags, asked, "gradients", [*exchanging, *turned])
    measured = inspect(results, lambda _, run: why_gradients.measures(run, flags.images))
    present(results, why_gradients.findings(measured, results))
    return exit_code(results)


def leaky_arms(flags: Flags) -> list[str]:
    """Name the first plain arm with each slope below zero but 0, which is that arm itself.

    Raises:
        BadInput: there is no plain arm, or its networks aren't those of rectifiers.
    """
    if not flags.leaks:
        return []
    check_distinct("leak", flags.leaks)
    plain = next((arm for arm in flags.arms if parse_arm(arm).variant == "plain"), None)
    if plain is None or flags.run.activation != "relu":
        raise BadInput("--leaks takes a plain arm in --arms, and networks of rectifiers (--activation relu)")
    return [dosed(dosed(plain, "activation", "leaky"), "leak", str(leak)) for leak in flags.leaks if leak]


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
