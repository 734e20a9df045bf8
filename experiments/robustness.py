"""Does the verdict hold under other choices than the recipe's? `python -m experiments.robustness --help`.

What economists call a specification curve (Simonsohn et al. 2020), and Bell et al. 2022 a multiverse.
"""

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.errors import BadInput
from plainres.screen.console import console
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.choices import BASE, Choice, chosen
from plainres.sweeps.configure import resolved
from plainres.workflows.compare import carry_out, planned, store_beside
from plainres.workflows.requests import CompareRequest

PROGRAM = "uv run python -m experiments.robustness"


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Repeat the comparison by the recipe, and with one thing of it changed at a time, and count where it holds.

    Every choice is a sweep of its own, tracked in MLflow as those of experiments.degradation; table and figure are
    stored with that of the recipe.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--choices lr-third double-epochs")

    depths: tuple[int, ...] = redeclared(CompareRequest, "depths", (20, 56))
    choices: tuple[str, ...] = setting(
        (),
        "Which changes are tried: lr-third, lr-triple, half-batch, double-batch, half-width, double-width, "
        "no-weight-decay, warmup-2, steps, constant-lr, no-momentum, double-epochs, double-pixels, shortcut-A to -C, "
        "four-stage (18 and 34 layers) or three-stage; what the recipe has already is none.",
        words="choice", shown="all that can be trained",
    )  # fmt: skip


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    arms = [parse_arm(arm) for arm in planned(flags).arms]
    if sorted(arm.variant for arm in arms) != ["plain", "residual"]:
        raise BadInput("robustness compares one plain and one residual arm")
    base = resolved("residual", flags.depths[0], flags.seeds[0], flags.run, elsewhere=flags.launch.elsewhere)
    own = {name for arm in arms for name in arm.settings}
    requests: dict[str, CompareRequest] = {}
    for choice in chosen(base, flags.choices, own):
        request = request_of(flags, choice)
        try:
            planned(request)
        except BadInput as error:
            if flags.choices:
                raise BadInput(f"choice {choice.name}: {error}") from None
            console().print(f"left out: {choice.name} ({error})", highlight=False, markup=False, soft_wrap=True)
        else:
            requests[choice.name] = request

    sweeps = {}
    for name, request in requests.items():
        console().print(f"\n{name}", highlight=False, markup=False)
        sweeps[name] = carry_out(request, console())

    from plainres.analysis.report import print_report
    from plainres.explain import robustness

    name = "-".join(("robustness", *flags.choices))  # all stand with the recipe's sweep
    store_beside(sweeps[BASE], lambda folder: robustness.write(sweeps, folder, name))
    print_report(sweeps[BASE], [robustness.table(sweeps)], robustness.sentences(sweeps), file=f"{name}.png")
    return RUN_FAILED if any(sweep.missing for sweep in sweeps.values()) else FINISHED


def request_of(flags: Flags, choice: Choice) -> CompareRequest:
    """Ask for the same comparison with this change."""
    return replace(flags, run=replace(flags.run, **choice.settings), depths=choice.depths or flags.depths)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
