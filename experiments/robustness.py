"""Does the verdict hold under other choices than the recipe's? `python -m experiments.robustness --help`.

What economists call a specification curve (Simonsohn et al. 2020), and Bell et al. 2022 a multiverse.
"""

import sys
from dataclasses import dataclass, replace

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.screen.console import console
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.choices import BASE, Choice, chosen
from plainres.workflows.compare import carry_out, planned, store_beside
from plainres.workflows.requests import CompareRequest

PROGRAM = "uv run python -m experiments.robustness"


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Repeat the comparison by the recipe, and with one thing of it changed at a time, and count where it holds.

    Every choice is a sweep of its own, tracked in MLflow as those of experiments.degradation; table and figure are
    stored with that of the recipe.
    """

    depths: tuple[int, ...] = redeclared(CompareRequest, "depths", (20, 56))
    choices: tuple[str, ...] = setting(
        (), "Which changes are tried, as lr-third double-width no-momentum.", words="choice", shown="some sixteen"
    )


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    configs = planned(flags).configs
    base = next((config for config in configs if config.variant == "residual"), configs[0])
    requests = {choice.name: request_of(flags, choice) for choice in chosen(base, flags.choices)}
    for request in requests.values():
        planned(request)

    sweeps = {}
    for name, request in requests.items():
        console().print(f"\n{name}", highlight=False, markup=False)
        sweeps[name] = carry_out(request, console())

    from plainres.analysis.report import print_report
    from plainres.explain import robustness

    store_beside(sweeps[BASE], lambda folder: robustness.write(sweeps, folder))
    print_report(sweeps[BASE], [robustness.table(sweeps)], robustness.sentences(sweeps), file=robustness.FIGURE)
    return RUN_FAILED if any(sweep.missing for sweep in sweeps.values()) else FINISHED


def request_of(flags: Flags, choice: Choice) -> CompareRequest:
    """Ask for the same comparison with this change."""
    return replace(flags, run=replace(flags.run, **choice.settings), depths=choice.depths or flags.depths)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
