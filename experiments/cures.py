"""What cures deep plain networks, at which dose, and how deep does it reach? `python -m experiments.cures --help`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.checkpoint_flags import CheckpointFlags
from plainres.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.config import identified
from plainres.declaration import Setting
from plainres.errors import BadInput
from plainres.running.jobs import check_jobs
from plainres.settings import Settings
from plainres.sweeps.doses import dose_arms
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.tracking.store import check_experiment_name, check_store, tracking_uri

if TYPE_CHECKING:
    from plainres.analysis import SweepResults

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
    """Runs trained side by side."""
    experiment_name: str = "cures"
    """MLflow experiment that the runs belong to."""
    fresh: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train every run anew, finished ones too."""
    margin: float = 1.0
    """Smallest change of the training error that counts, in percentage points."""
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    uri = tracking_uri()
    Setting("", words="margin", least=0).check(flags.margin)
    if flags.dose and flags.frontier:
        raise BadInput("--dose and --frontier ask two questions; leave out one")
    if flags.dose and len(flags.arms) != 1:
        raise BadInput("--dose is of one arm; name it, as --arms residual")
    arms = dose_arms(flags.arms[0], flags.dose[0], flags.dose[1:]) if flags.dose else flags.arms
    plan_sweep(arms, flags.depths, flags.seeds, **flags.run.values)
    check_jobs(flags.jobs)
    check_experiment_name(flags.experiment_name)
    check_store(uri)
    checkpoints = flags.checkpoints.root(uri)
    sweep = plan_sweep(arms, flags.depths, flags.seeds, **identified(flags.run))
    if flags.frontier:
        return find_frontier(sweep, flags, uri, checkpoints)
    return compare(sweep, flags, uri, checkpoints)


def compare(sweep: Sweep, flags: Flags, uri: str, checkpoints: Path) -> int:
    """Train the sweep; print and store what becomes of each arm, or of each dose."""
    from plainres.analysis import dose_response, judge
    from plainres.analysis.fates import fates_sentence
    from plainres.analysis.print_report import print_report
    from plainres.analysis.report import store_report
    from plainres.analysis.results_table import terminal_table
    from plainres.tracking.artifacts import log_artifact
    from plainres.tracking.outages import reaching_store

    results, reported = trained(sweep, flags, uri, checkpoints)
    verdict = judge(results, flags.margin / 100)
    with reaching_store(), TemporaryDirectory() as folder:
        if flags.margin != Flags.margin or not reported:
            store_report(results, verdict)
        if flags.dose:
            dose_response.write_dose_response(flags.dose[0], results, Path(folder))
            log_artifact(uri, results.parent_run_id, Path(folder))
    if flags.dose:
        tables = [dose_response.dose_table(flags.dose[0], results, verdict)]
        sentence = dose_response.dose_sentence(flags.dose[0], results, verdict)
        print_report(results, tables, [sentence], dose_response.FIGURE)
    else:
        print_report(results, [terminal_table(results, verdict)], [fates_sentence(results, verdict)])
    return RUN_FAILED if results.missing else FINISHED


def find_frontier(sweep: Sweep, flags: Flags, uri: str, checkpoints: Path) -> int:
    """Train depth by depth the arms that have not failed yet; print how deep each reaches, stored with the last."""
    import pandas as pd

    from plainres.analysis.frontier import FIGURE, frontier_sentence, frontier_table, trained_arms, write_frontier
    from plainres.analysis.print_report import print_report
    from plainres.tracking.artifacts import log_artifact
    from plainres.tracking.outages import reaching_store

    climb: list[SweepResults] = []
    arms: Sequence[str] = sweep.arms
    for depth in sweep.depths:
        if arms:
            at_depth = plan_sweep(arms, (depth,), flags.seeds, **identified(flags.run))
            climb.append(trained(at_depth, flags, uri, checkpoints)[0])
            arms = trained_arms(climb[-1].runs, depth)
    runs = pd.concat([results.runs for results in climb], ignore_index=True)
    with reaching_store(), TemporaryDirectory() as folder:
        write_frontier(runs, sweep.arms, Path(folder))
        log_artifact(uri, climb[-1].parent_run_id, Path(folder))
    print_report(climb[-1], [frontier_table(runs, sweep.arms)], [frontier_sentence(runs, sweep.arms)], FIGURE)
    return RUN_FAILED if any(results.missing for results in climb) else FINISHED


def trained(sweep: Sweep, flags: Flags, uri: str, checkpoints: Path) -> tuple["SweepResults", bool]:
    """The results of a sweep out of the store, what it lacks trained before; and whether its report is stored."""
    from plainres.analysis import load_sweep
    from plainres.sweeps.train_here import train_here
    from plainres.tracking.outages import reaching_store

    parent_run_id, reported = train_here(
        sweep,
        uri,
        flags.experiment_name,
        jobs=flags.jobs,
        fresh=flags.fresh,
        checkpoints=checkpoints,
        checkpoint_every=flags.checkpoints.checkpoint_every,
    )
    with reaching_store():
        return load_sweep(parent_run_id, uri), reported


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
