"""What cures deep plain networks, at which dose, and how deep does it reach? `python -m experiments.cures --help`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.cli.checkpoint_flags import CheckpointFlags
from plainres.cli.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.errors import BadInput
from plainres.screen.console import console
from plainres.settings import LaunchSettings, Settings
from plainres.sweeps.doses import dose_arms
from plainres.sweeps.plan import plan_sweep
from plainres.workflows.compare import Request, carry_out

if TYPE_CHECKING:
    from plainres.analysis.judged_sweep import JudgedSweep

PROGRAM = "uv run python -m experiments.cures"


@dataclass(frozen=True)
class Flags:
    """Train plain networks, residual ones and supposed cures alike, and state which of them degrade with depth.

    With --dose one arm is trained at several values of a setting: at which dose does it cure? With --frontier each arm
    is trained deeper and deeper until it fails. Runs are tracked in MLflow as those of experiments.degradation.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130 or 143 interrupted by SIGINT or SIGTERM.
    """

    depths: tuple[int, ...] = (18, 34, 50)
    """Weighted layers, of one family: 18 34 50 101 152 (four-stage), or 6n+2 as 20 56 110 1202 (three-stage)."""
    arms: tuple[str, ...] = (
        "plain",
        "plain:init=dirac",
        "plain:weights=dirac",
        "residual",
        "residual:shortcut_scale=0.5",
        "residual:block=pre",
        "residual:norm=none",
    )
    """What is compared: plain or residual, each with settings of its own."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of initial weights and order of the images; a run each."""
    dose: Annotated[tuple[str, ...], with_default("none", "SETTING VALUE VALUE ...", ())] = ()
    """A numeric setting and the values that the one arm of --arms is given, as: shortcut_scale 0 0.5 1."""
    frontier: tyro.conf.FlagCreatePairsOff[bool] = False
    """Go from the shallowest of the depths to the deepest, each arm until its training error ends above 10 %."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = None
    """Runs trained side by side by this machine."""
    experiment_name: str = "cures"
    """MLflow experiment that the runs belong to."""
    fresh: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train every run anew, finished ones too."""
    margin: float = Request.margin
    """Smallest change of the training error that counts, in percentage points."""
    launch: Annotated[LaunchSettings, tyro.conf.arg(name="")] = field(default_factory=LaunchSettings)
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    if flags.dose and flags.frontier:
        raise BadInput("--dose and --frontier ask two questions; leave out one")
    if flags.dose and len(flags.arms) != 1:
        raise BadInput("--dose is of one arm; name it, as --arms residual")
    request = Request(
        depths=flags.depths,
        arms=dose_arms(flags.arms[0], flags.dose[0], flags.dose[1:]) if flags.dose else flags.arms,
        seeds=flags.seeds,
        settings=flags.run.values,
        margin=flags.margin,
        launch=flags.launch,
        jobs=flags.jobs,
        experiment_name=flags.experiment_name,
        fresh=flags.fresh,
        checkpoint_every=flags.checkpoints.checkpoint_every,
        checkpoint_dir=flags.checkpoints.checkpoint_dir,
    )
    if flags.frontier:
        return find_frontier(request)
    return show_doses(flags.dose[0], request) if flags.dose else show_fates(request)


def show_fates(request: Request) -> int:
    """Train the arms side by side; print what becomes of each."""
    sweep = carry_out(request, console())

    from plainres.analysis.print_report import print_report
    from plainres.analysis.results_table import terminal_table
    from plainres.explain.fates import fates_sentence  # what is refused is refused before this is imported

    print_report(sweep, [terminal_table(sweep, sweep.verdict)], [fates_sentence(sweep, sweep.verdict)])
    return RUN_FAILED if sweep.missing else FINISHED


def show_doses(setting: str, request: Request) -> int:
    """Train an arm at each dose; print and store the dose-response curve."""
    sweep = carry_out(request, console())

    from plainres.analysis.print_report import print_report
    from plainres.explain.dose_response import FIGURE, dose_sentence, dose_table, write_dose_response

    store_beside(sweep, lambda folder: write_dose_response(setting, sweep, folder))
    table, sentence = dose_table(setting, sweep, sweep.verdict), dose_sentence(setting, sweep, sweep.verdict)
    print_report(sweep, [table], [sentence], FIGURE)
    return RUN_FAILED if sweep.missing else FINISHED


def find_frontier(request: Request) -> int:
    """Train depth by depth the arms that have not failed yet; print how deep each reaches, stored with the last."""
    whole = plan_sweep(
        request.arms, request.depths, request.seeds, elsewhere=request.launch.elsewhere, **request.settings
    )

    import pandas as pd

    from plainres.analysis.print_report import print_report
    from plainres.explain.frontier import FIGURE, frontier_sentence, frontier_table, trained_arms, write_frontier

    arms = whole.arms
    climb: list[JudgedSweep] = []
    for depth in whole.depths:
        if arms:
            climb.append(carry_out(replace(request, depths=(depth,), arms=arms), console()))
            arms = trained_arms(climb[-1].runs, depth)
    runs = pd.concat([sweep.runs for sweep in climb], ignore_index=True)
    store_beside(climb[-1], lambda folder: write_frontier(runs, whole.arms, folder))
    missing = [name for sweep in climb for name in sweep.missing]
    print_report(climb[-1], [frontier_table(runs, whole.arms)], [frontier_sentence(runs, whole.arms, missing)], FIGURE)
    return RUN_FAILED if missing else FINISHED


def store_beside(sweep: "JudgedSweep", write: Callable[[Path], None]) -> None:
    """Store the files that `write` makes in a folder beside the sweep's report."""
    from plainres.tracking.artifacts import log_artifact
    from plainres.tracking.outages import reaching_store

    with TemporaryDirectory() as folder:
        write(Path(folder))
        with reaching_store():
            log_artifact(sweep.tracking_uri, sweep.parent_run_id, Path(folder))


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
