"""Do deeper plain networks train worse, and do shortcuts cure it? `python -m experiments.degradation --help`."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from plainres.command_line import FINISHED, RUN_FAILED, RunFlags, run_command, with_default
from plainres.errors import BadInput
from plainres.recipes import recipe_of
from plainres.running.checkpoint_flags import CheckpointFlags
from plainres.running.jobs import check_jobs, default_jobs
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.sweeps.tuned import from_params, to_params
from plainres.tracking.store import check_experiment_name, check_store, run_exists, tracking_uri
from plainres.tuning.best import tuned_values
from plainres.tuning.definition import DEFAULT_PREFIX
from plainres.tuning.storage import DEFAULT_STORAGE

PROGRAM = "uv run python -m experiments.degradation"


@dataclass(frozen=True)
class Flags:
    """Train plain and residual networks of equal depth alike and state whether depth degrades the plain ones.

    Runs are tracked in MLflow (MLFLOW_TRACKING_URI, or mlflow.db in this folder); finished ones aren't trained again.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130 or 143 interrupted by SIGINT or SIGTERM.
    """

    depths: tuple[int, ...] = (18, 34, 50)
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    variants: tuple[str, ...] = ("plain", "residual")
    """plain (no shortcut), residual, or both."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of initial weights and order of the images; a run each, and a verdict needs two."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = None
    """Runs trained side by side."""
    experiment_name: str = "degradation"
    """MLflow experiment that the runs belong to."""
    fresh: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train every run anew, finished ones too."""
    report: Annotated[str | None, with_default("none", "RUN_ID")] = None
    """Train nothing: rebuild the report of this parent run from the tracking store."""
    tuned: bool = False
    """Train each network at the learning rate and batch size that its study (studies.lr_batch_size) found best."""
    storage: Annotated[str | None, with_default(DEFAULT_STORAGE, "URL")] = None
    """Database of the studies, for --tuned."""
    study_name: Annotated[str | None, with_default(DEFAULT_PREFIX, "STR")] = None
    """What the studies' names begin with, for --tuned."""
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[RunFlags, tyro.conf.arg(name="")] = field(default_factory=RunFlags)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    uri = tracking_uri()
    if flags.report is not None:
        check_store(uri)
        if not run_exists(uri, flags.report):
            raise BadInput(f"the tracking store has no run {flags.report!r}")
        return report(flags.report, uri, rebuild=True)
    sweep = plan_sweep(flags.variants, flags.depths, flags.seeds, **flags.run.settings)
    check_jobs(flags.jobs)
    check_experiment_name(flags.experiment_name)
    check_store(uri)
    checkpoints = flags.checkpoints.root(uri)
    if flags.tuned:
        sweep = tune(sweep, flags)
    elif flags.storage is not None or flags.study_name is not None:
        raise BadInput("--storage and --study-name are for --tuned")
    return train_and_report(sweep, flags, uri, checkpoints)


def tune(sweep: Sweep, flags: Flags) -> Sweep:
    """The sweep with the learning rate and batch size that each network's study found best."""
    if flags.run.lr is not None or flags.run.batch_size is not None:
        raise BadInput("--tuned takes learning rate and batch size from the studies: leave out --lr and --batch-size")
    prefix = DEFAULT_PREFIX if flags.study_name is None else flags.study_name
    tuned = tuned_values(flags.storage or DEFAULT_STORAGE, prefix, sweep.configs)
    own = {network: {"lr": values.lr, "batch_size": values.batch_size} for network, values in tuned.items()}
    return plan_sweep(flags.variants, flags.depths, flags.seeds, own=own, notes=to_params(tuned), **flags.run.settings)


def train_and_report(sweep: Sweep, flags: Flags, uri: str, checkpoints: Path) -> int:
    """Train what the store lacks, then report."""
    from rich.console import Console

    from plainres.running.local_launcher import LocalLauncher
    from plainres.sweeps.run_sweep import run_sweep
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import has_report
    from plainres.tracking.runs import open_experiment

    if recipe_of(flags.run.dataset).needs_files:
        from plainres.data import dataset_of

        dataset_of(sweep.configs[0])  # before anything is written
    jobs = flags.jobs or default_jobs(sweep.configs[0].device, flags.run.threads)
    experiment = open_experiment(uri, flags.experiment_name)
    parent_run_id = run_sweep(
        sweep,
        experiment,
        launcher=LocalLauncher(jobs),
        fresh=flags.fresh,
        console=Console(),
        checkpoints=checkpoints,
        checkpoint_every=flags.checkpoints.checkpoint_every,
    )
    with reaching_store():
        rebuild = not has_report(experiment, parent_run_id)
    return report(parent_run_id, uri, rebuild=rebuild)


def report(parent_run_id: str, uri: str, *, rebuild: bool) -> int:
    """Print the table and the verdict of a sweep and where to look further; with `rebuild` store its report anew."""
    from rich.console import Console

    from plainres.analysis import judge, load_sweep
    from plainres.analysis.report import report_location, store_report
    from plainres.analysis.summary import terminal_table
    from plainres.analysis.tuned_table import tuned_terminal_table
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.store import browse_hint

    with reaching_store():
        results = load_sweep(parent_run_id, uri)
        verdict = judge(results)
        if rebuild:
            store_report(results, verdict)
    console = Console()
    console.print(terminal_table(results.runs))
    tuned = from_params(results.params)
    if tuned:
        console.print(tuned_terminal_table(tuned))
    console.print(verdict.sentence, highlight=False, soft_wrap=not console.is_terminal)
    console.print(f"\nReport: {report_location(results)}", highlight=False, soft_wrap=True)
    console.print(f"Browse: {browse_hint(uri, results.experiment_id)}", highlight=False, soft_wrap=True)
    return RUN_FAILED if results.missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
