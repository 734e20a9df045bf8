"""Do deeper plain networks train worse, and do shortcuts cure it? `python -m experiments.degradation --help`."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from plainres.checkpoint_flags import CheckpointFlags
from plainres.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.config import identified
from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.running.jobs import check_jobs, default_jobs
from plainres.settings import Settings
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.sweeps.tuned import from_params, to_params, tuned_settings
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
    arms: tuple[str, ...] = ("plain", "residual")
    """What is compared: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C or
    plain:lr=0.01,warmup_epochs=1."""
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
    margin: float = 1.0
    """Smallest change of the training error that counts, in percentage points."""
    export: Annotated[str | None, with_default("none", "FOLDER")] = None
    """Write the report there too, as a paper needs it: figures as PDF and SVG, results.csv and a LaTeX table."""
    tuned: bool = False
    """Train each network at the values that its studies (studies.lr_batch_size) found best, by turns over the seeds."""
    storage: Annotated[str | None, with_default(DEFAULT_STORAGE, "URL")] = None
    """Database of the studies, for --tuned."""
    study_name: Annotated[str | None, with_default(DEFAULT_PREFIX, "STR")] = None
    """What the studies' names begin with, for --tuned."""
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    uri = tracking_uri()
    if not (flags.margin >= 0 and math.isfinite(flags.margin)):
        raise BadInput(f"margin {flags.margin} is not a finite number of at least 0")
    if flags.report is not None:
        check_store(uri)
        if not run_exists(uri, flags.report):
            raise BadInput(f"the tracking store has no run {flags.report!r}")
        return report(flags.report, uri, flags, rebuild=True)
    sweep = plan_sweep(flags.arms, flags.depths, flags.seeds, **flags.run.values)
    check_jobs(flags.jobs)
    check_experiment_name(flags.experiment_name)
    check_store(uri)
    checkpoints = flags.checkpoints.root(uri)
    settings = identified(flags.run)
    sweep = plan_sweep(flags.arms, flags.depths, flags.seeds, **settings)
    if flags.tuned:
        sweep = tune(sweep, settings, flags)
    elif flags.storage is not None or flags.study_name is not None:
        raise BadInput("--storage and --study-name are for --tuned")
    return train_and_report(sweep, flags, uri, checkpoints)


def tune(sweep: Sweep, settings: Mapping[str, Any], flags: Flags) -> Sweep:
    """The sweep with the values that each network's studies found best; seeds take turns with the studies."""
    prefix = DEFAULT_PREFIX if flags.study_name is None else flags.study_name
    tuned = tuned_values(flags.storage or DEFAULT_STORAGE, prefix, sweep.configs)
    recipe = recipe_settings(arguments=sys.argv[1:])
    searched = tuned[0].near_values.keys()
    if any(set(values.values) & parse_arm(values.arm).settings.keys() for values in tuned) or any(
        getattr(flags.run, name) != getattr(recipe, name) for name in searched
    ):
        named = " and ".join(f"--{name.replace('_', '-')}" for name in searched)
        raise BadInput(f"--tuned takes from the studies what was searched: leave out {named}, and an arm's own")
    own = tuned_settings(tuned, flags.seeds)
    return plan_sweep(flags.arms, flags.depths, flags.seeds, own=own, notes=to_params(tuned), **settings)


def train_and_report(sweep: Sweep, flags: Flags, uri: str, checkpoints: Path) -> int:
    """Train what the store lacks, then report."""
    from plainres.running.local_launcher import LocalLauncher
    from plainres.sweeps.run_sweep import run_sweep
    from plainres.terminal import console
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import has_report
    from plainres.tracking.runs import open_experiment

    if facts_of(flags.run.dataset).needs_files:
        from plainres.data import dataset_of

        dataset_of(sweep.configs[0])  # before anything is written
    jobs = flags.jobs or default_jobs(sweep.configs[0].device, flags.run.threads)
    experiment = open_experiment(uri, flags.experiment_name)
    parent_run_id = run_sweep(
        sweep,
        experiment,
        launcher=LocalLauncher(jobs),
        fresh=flags.fresh,
        console=console(),
        checkpoints=checkpoints,
        checkpoint_every=flags.checkpoints.checkpoint_every,
    )
    with reaching_store():
        rebuild = flags.margin != Flags.margin or not has_report(experiment, parent_run_id)
    return report(parent_run_id, uri, flags, rebuild=rebuild)


def report(parent_run_id: str, uri: str, flags: Flags, *, rebuild: bool) -> int:
    """Print the table and the verdict of a sweep and where to look further; with `rebuild` store its report anew."""
    from plainres.analysis import judge, load_sweep
    from plainres.analysis.report import export_report, report_location, store_report
    from plainres.analysis.results_table import terminal_table
    from plainres.analysis.tuned_table import spread_table, tuned_table
    from plainres.terminal import console
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.store import browse_hint

    with reaching_store():
        results = load_sweep(parent_run_id, uri)
        verdict = judge(results, flags.margin / 100)
        if rebuild:
            store_report(results, verdict)
        if flags.export is not None:
            export_report(results, verdict, Path(flags.export))
    screen = console()
    screen.print(terminal_table(results, verdict))
    tuned = from_params(results.params)
    if tuned:
        for table in (tuned_table(tuned, results.seeds), spread_table(tuned, results.runs)):
            if table is not None:
                screen.print(table)
    for sentence in (verdict.sentence, *verdict.others):
        screen.print(sentence, soft_wrap=not screen.is_terminal)
    screen.print(f"\nReport: {report_location(results)}", soft_wrap=True)
    screen.print(f"Browse: {browse_hint(uri, results.experiment_id)}", soft_wrap=True)
    return RUN_FAILED if results.missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
