"""Do deeper plain networks train worse, and do shortcuts cure it? `python -m experiments.degradation --help`."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from plainres.cli.checkpoint_flags import CheckpointFlags
from plainres.cli.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.errors import BadInput
from plainres.running.folders import writable_above
from plainres.settings import LaunchSettings, Settings
from plainres.sweeps.tuned import from_params
from plainres.tuning.definition import DEFAULT_PREFIX
from plainres.tuning.storage import DEFAULT_STORAGE
from plainres.workflows import compare
from plainres.workflows.compare import Request, Studies

if TYPE_CHECKING:
    from plainres.analysis.judged_sweep import JudgedSweep

PROGRAM = "uv run python -m experiments.degradation"


@dataclass(frozen=True)
class Flags:
    """Train plain and residual networks of equal depth alike and state whether depth degrades the plain ones.

    Runs are tracked in MLflow (MLFLOW_TRACKING_URI, or mlflow.db in this folder); finished ones aren't trained again.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130 or 143 interrupted by SIGINT or SIGTERM.
    """

    TOGETHER: ClassVar[bool] = True  # torchrun's processes train each run

    depths: tuple[int, ...] = Request.depths
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    arms: tuple[str, ...] = Request.arms
    """What is compared: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C or
    plain:lr=0.01,warmup_epochs=1."""
    seeds: tuple[int, ...] = Request.seeds
    """Of initial weights and order of the images; a run each, and a verdict needs two."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = Request.jobs
    """Runs trained side by side by this machine."""
    experiment_name: str = Request.experiment_name
    """MLflow experiment that the runs belong to."""
    fresh: tyro.conf.FlagCreatePairsOff[bool] = Request.fresh
    """Train every run anew, finished ones too."""
    report: Annotated[str | None, with_default("none", "RUN_ID")] = None
    """Train nothing: rebuild the report of this parent run from the tracking store."""
    prune_artifacts: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train nothing: delete the trained networks of sweeps that a --fresh one has superseded; their metrics and reports
    stay."""
    margin: float = Request.margin
    """Smallest change of the training error that counts, in percentage points."""
    export: Annotated[str | None, with_default("none", "FOLDER")] = None
    """Write the report there too, as a paper needs it: figures as PDF and SVG, results.csv and a LaTeX table."""
    tuned: bool = False
    """Train each network at the values that its studies (studies.lr_batch_size) found best, by turns over the seeds."""
    storage: Annotated[str | None, with_default(DEFAULT_STORAGE, "URL")] = None
    """Database of the studies, for --tuned."""
    study_name: Annotated[str | None, with_default(DEFAULT_PREFIX, "STR")] = None
    """What the studies' names begin with, for --tuned."""
    launch: Annotated[LaunchSettings, tyro.conf.arg(name="")] = field(default_factory=LaunchSettings)
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Train what the store lacks, or take what it has, and report."""
    from plainres.screen.console import console

    if flags.prune_artifacts:
        return prune(flags)
    if flags.export is not None:
        try:
            writable_above(Path(flags.export))
        except OSError as error:
            raise BadInput(f"the report can't be written to {flags.export}: {error.strerror}") from error
    if flags.report is not None:
        return report(compare.read_back(flags.report, margin=flags.margin, rebuild=True), flags)
    if not flags.tuned and (flags.storage is not None or flags.study_name is not None):
        raise BadInput("--storage and --study-name are for --tuned")
    prefix = DEFAULT_PREFIX if flags.study_name is None else flags.study_name
    request = Request(
        depths=flags.depths,
        arms=flags.arms,
        seeds=flags.seeds,
        settings=flags.run.values,
        margin=flags.margin,
        tuned=Studies(flags.storage or DEFAULT_STORAGE, prefix) if flags.tuned else None,
        launch=flags.launch,
        jobs=flags.jobs,
        experiment_name=flags.experiment_name,
        fresh=flags.fresh,
        checkpoint_every=flags.checkpoints.checkpoint_every,
        checkpoint_dir=flags.checkpoints.checkpoint_dir,
    )
    return report(compare.carry_out(request, console()), flags)


def prune(flags: Flags) -> int:
    """Delete networks that no sweep needs any more, and say how much space they took."""
    from plainres.tracking.store import check_experiment_name, check_store, experiment_exists, tracking_uri

    uri = tracking_uri()
    check_experiment_name(flags.experiment_name)
    check_store(uri)
    if not experiment_exists(uri, flags.experiment_name):
        raise BadInput(f"the tracking store has no experiment {flags.experiment_name!r}")
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import prune_networks
    from plainres.tracking.runs import open_experiment

    with reaching_store():
        runs, freed = prune_networks(open_experiment(uri, flags.experiment_name))
    print(f"{runs} networks of superseded sweeps deleted: {freed / 1e6:.1f} MB freed")
    return FINISHED


def report(sweep: "JudgedSweep", flags: Flags) -> int:
    """Print the table and the verdict of a sweep and where to look further."""
    from plainres.analysis.print_report import print_report
    from plainres.analysis.report import export_report
    from plainres.analysis.results_table import terminal_table
    from plainres.analysis.tuned_table import tuned_tables
    from plainres.tracking.outages import reaching_store

    verdict = sweep.verdict
    tuned = from_params(sweep.params)
    tables = [terminal_table(sweep, verdict), *(tuned_tables(tuned, sweep.runs) if tuned else [])]
    print_report(sweep, tables, (verdict.sentence, *verdict.others))
    if flags.export is not None:
        with reaching_store():
            export_report(sweep, verdict, Path(flags.export))
    return RUN_FAILED if sweep.missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
