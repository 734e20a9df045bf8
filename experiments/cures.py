"""What cures deep plain networks, at which dose, and how deep does it reach? `python -m experiments.cures --help`."""

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plainres.cli.command_line import FINISHED, RUN_FAILED, exit_code, run_command
from plainres.errors import BadInput
from plainres.screen.console import console
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.arms import dose_arms
from plainres.workflows.compare import carry_out, planned, store_beside
from plainres.workflows.requests import CompareRequest, SweepRequest

if TYPE_CHECKING:
    from plainres.analysis.judged_sweep import JudgedSweep

PROGRAM = "uv run python -m experiments.cures"


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Train plain networks, residual ones and supposed cures alike, and state which of them degrade with depth.

    With --dose one arm is trained at several values of a setting: at which dose does it cure? With --frontier each arm
    is trained deeper and deeper until it fails. Runs are tracked in MLflow as those of experiments.degradation.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130, 143 or 129 interrupted by SIGINT, SIGTERM or SIGHUP.
    """

    depths: tuple[int, ...] = redeclared(
        CompareRequest, "depths", (18, 34, 50),
        help="Weighted layers, of one family: 18 34 50 101 152 (four-stage), or 6n+2 as 20 56 110 1202 (three-stage).",
    )  # fmt: skip
    arms: tuple[str, ...] = redeclared(
        CompareRequest,
        "arms",
        (
            "plain",
            "plain:init=dirac",
            "plain:weights=dirac",
            "residual",
            "residual:shortcut_scale=0.5",
            "residual:block=pre",
            "residual:norm=none",
        ),
        help="What is compared: plain or residual, each with settings of its own.",
    )
    seeds: tuple[int, ...] = redeclared(
        SweepRequest, "seeds", tuple(range(8)),
        help="Of initial weights and order of the images; a run each, and eight are the fewest that can decide about "
        "five arms beside the plain and the residual one.",
    )  # fmt: skip
    experiment_name: str = redeclared(CompareRequest, "experiment_name", "cures")
    dose: tuple[str, ...] = setting(
        (), "A numeric setting and the values that the one arm of --arms is given, as: shortcut_scale 0 0.5 1.",
        metavar="SETTING VALUE VALUE ...", shown="none",
    )  # fmt: skip
    frontier: bool = setting(
        False,
        "Go from the shallowest of the depths to the deepest, each arm until its training error ends above 10 %.",
        switch=True,
    )


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    if flags.dose and flags.frontier:
        raise BadInput("--dose and --frontier ask two questions; leave out one")
    if flags.dose and len(flags.arms) != 1:
        raise BadInput("--dose is of one arm; name it, as --arms residual")
    if flags.frontier:
        return find_frontier(flags)
    if flags.dose:
        setting, *doses = flags.dose
        return show_doses(setting, replace(flags, arms=dose_arms(flags.arms[0], setting, doses)))
    return show_fates(flags)


def show_fates(request: CompareRequest) -> int:
    """Train the arms side by side; print what becomes of each."""
    sweep = carry_out(request, console())

    from plainres.analysis.report import print_report
    from plainres.analysis.results_table import sweep_table
    from plainres.explain.cures import fates_sentence  # what is refused is refused before this is imported

    print_report(sweep, [sweep_table(sweep, sweep.verdict)], [fates_sentence(sweep, sweep.verdict)])
    return exit_code(sweep)


def show_doses(setting: str, request: CompareRequest) -> int:
    """Train an arm at each dose; print and store the dose-response curve."""
    sweep = carry_out(request, console())

    from plainres.analysis.report import print_report
    from plainres.explain.cures import DOSE_FIGURE, dose_sentence, dose_table, write_dose_response

    store_beside(sweep, lambda folder: write_dose_response(setting, sweep, folder))
    table, sentence = dose_table(setting, sweep, sweep.verdict), dose_sentence(setting, sweep, sweep.verdict)
    print_report(sweep, [table], [sentence], file=DOSE_FIGURE)
    return exit_code(sweep)


def find_frontier(request: CompareRequest) -> int:
    """Train depth by depth the arms that have not failed yet; print how deep each reaches, stored with the last."""
    whole = planned(request)

    import pandas as pd

    from plainres.analysis.report import print_report
    from plainres.explain.cures import FRONTIER_FIGURE, frontier_sentence, frontier_table, trained_arms, write_frontier

    arms = whole.arms
    climb: list[JudgedSweep] = []
    for depth in whole.depths:
        if arms:
            climb.append(carry_out(replace(request, depths=(depth,), arms=arms), console()))
            arms = trained_arms(climb[-1].runs, depth)
    runs = pd.concat([sweep.runs for sweep in climb], ignore_index=True)
    store_beside(climb[-1], lambda folder: write_frontier(runs, whole.arms, folder))
    missing = [name for sweep in climb for name in sweep.missing]
    print_report(
        climb[-1],
        [frontier_table(runs, whole.arms)],
        [frontier_sentence(runs, whole.arms, missing)],
        file=FRONTIER_FIGURE,
    )
    return RUN_FAILED if missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
