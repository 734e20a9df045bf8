"""Do deeper plain networks train worse, and do shortcuts cure it? `python -m experiments.degradation --help`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plainres.cli.command_line import FINISHED, exit_code, run_command
from plainres.errors import BadInput
from plainres.running.folders import writable_above
from plainres.settings.declaration import REPORT, TUNING, redeclared, setting
from plainres.settings.page import ARTICLE, LEAST_WIDTH, MOST_WIDTH
from plainres.sweeps.tuned import from_params
from plainres.tracking.store import (
    check_experiment_name,
    check_store,
    experiment_exists,
    is_read_only,
    tracking_uri,
)
from plainres.workflows import compare
from plainres.workflows.compare import Studies
from plainres.workflows.requests import CompareRequest, Networks, StudyRequest

if TYPE_CHECKING:
    from plainres.analysis.judged_sweep import JudgedSweep

PROGRAM = "uv run python -m experiments.degradation"


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Train plain and residual networks of equal depth alike and state whether depth degrades the plain ones.

    Runs are tracked in MLflow (MLFLOW_TRACKING_URI, or mlflow.db in this folder); finished ones aren't trained again.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130, 143 or 129 interrupted by SIGINT, SIGTERM or SIGHUP.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "",
        "--depths 20 56 --arms plain residual plain:lr=0.005",
        "--dataset cifar10 --recipe cifar10-cpu --depths 20 56",
    )

    TOGETHER: ClassVar[bool] = True  # torchrun's processes train each run

    arms: tuple[str, ...] = redeclared(
        Networks,
        "arms",
        CompareRequest.arms,
        help="What is compared: plain (no shortcut), residual, and either with settings of its own, as "
        "residual:shortcut=C or plain:lr=0.01,warmup_epochs=1.",
    )
    report: str | None = setting(
        None, "Train nothing: rebuild the report of this parent run from the tracking store.",
        metavar="RUN_ID", shown="none", heading=REPORT,
    )  # fmt: skip
    prune_artifacts: bool = setting(
        False,
        "Train nothing: delete the trained networks of sweeps that a --fresh one has superseded; their metrics and "
        "reports stay.",
        switch=True,
        heading=REPORT,
    )
    export: str | None = setting(
        None,
        "Write the report there too, as a paper needs it: figures as PDF and SVG, a LaTeX table, all values as CSV.",
        metavar="FOLDER",
        shown="none",
        heading=REPORT,
    )
    width_in: float | None = setting(
        None, "Width of the figures that --export writes, in inches.",
        metavar="INCHES", least=LEAST_WIDTH, most=MOST_WIDTH, shown=f"{ARTICLE}, the text of LaTeX's class article",
        heading=REPORT,
    )  # fmt: skip
    tuned: bool = setting(
        False,
        "Train each network at the values that its studies (studies.lr_batch_size) found best, by turns over the "
        "seeds.",
        heading=TUNING,
    )
    storage: str | None = setting(
        None, "Database of the studies, for --tuned.", metavar="URL", shown=StudyRequest.storage, heading=TUNING
    )
    study_name: str | None = setting(
        None, "What the studies' names begin with, for --tuned.", shown=StudyRequest.study_name, heading=TUNING
    )


def main(flags: Flags) -> int:
    """Train what the store lacks, or take what it has, and report."""
    from plainres.screen.console import console

    if flags.prune_artifacts:
        return prune(flags)
    if flags.width_in is not None and flags.export is None:
        raise BadInput("--width-in is for --export")
    if flags.export is not None:
        try:
            writable_above(Path(flags.export))
        except OSError as error:
            raise BadInput(f"the report can't be written to {flags.export}: {error.strerror}") from error
    if flags.report is not None:
        stays = is_read_only(tracking_uri())
        if stays:
            print("The store is read-only: the report in it stays as it is.")
        return report(compare.read_back(flags.report, margin=flags.margin, rebuild=not stays), flags)
    if not flags.tuned and (flags.storage is not None or flags.study_name is not None):
        raise BadInput("--storage and --study-name are for --tuned")
    asked = {"storage": flags.storage, "prefix": flags.study_name}
    tuned = Studies(**{name: value for name, value in asked.items() if value is not None}) if flags.tuned else None
    return report(compare.carry_out(flags, console(), tuned), flags)


def prune(flags: Flags) -> int:
    """Delete networks that no sweep needs any more, and say how much space they took."""
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
    from plainres.analysis.report import print_report
    from plainres.analysis.results_table import sweep_table
    from plainres.analysis.tuned_table import tuned_tables
    from plainres.screen.console import console
    from plainres.tracking.outages import reaching_store

    verdict = sweep.verdict
    tuned = from_params(sweep.params)
    tables = [sweep_table(sweep, verdict), *(tuned_tables(tuned, sweep.runs) if tuned else [])]
    print_report(sweep, tables, verdict.lines)
    if flags.export is not None:
        with reaching_store():
            files = sweep.export(flags.export, flags.width_in or ARTICLE)
        console(soft_wrap=True).print(f"Export: {len(files)} files in {Path(flags.export).resolve()}")
    return exit_code(sweep)


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
