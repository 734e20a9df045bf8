"""Which learning rate, batch size and weight decay suit each network? `python -m studies.lr_batch_size --help`."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.errors import StudiesFail, without_credentials
from plainres.workflows.requests import StudyRequest
from plainres.workflows.tune import StudyResults, carry_out_studies

if TYPE_CHECKING:
    from rich.console import Console

PROGRAM = "uv run python -m studies.lr_batch_size"


@dataclass(frozen=True)
class Flags(StudyRequest):
    """Tune learning rate and batch size of plain and residual networks, each in studies of its own, all alike.

    The recipe's values (or those of --lr and --batch-size) are the first trial. Started again, studies go
    on where they stopped; started several times at once, in terminals or on machines that share a storage, the work
    is shared. Exit code: 0 finished, 1 a trial failed, 2 bad input, 130 interrupted.
    """


def main(flags: Flags) -> int:
    """Tune, then print what the studies came to."""
    from plainres.screen.console import console

    screen = console()
    try:
        results = carry_out_studies(flags, screen)
    except StudiesFail as error:
        print(f"failed: {error}", file=sys.stderr)
        return RUN_FAILED
    return report(results, screen)


def report(results: StudyResults, screen: "Console") -> int:
    """Print the table of the studies, what to know of them, what failed, and where to look further."""
    from plainres.tracking.store import browse_hint
    from plainres.tuning.study_table import remarks, study_table

    screen.print(study_table(results.states))
    for line in remarks(results.states):
        screen.print(line, soft_wrap=True)
    for line in results.failures:
        screen.print(f"failed: {line}", soft_wrap=True)
    screen.print(f"\nStudies: {without_credentials(results.storage)}", soft_wrap=True)
    browse = browse_hint(results.tracking_uri, results.experiment_id)
    screen.print(f"Browse: {browse}", soft_wrap=True)
    return RUN_FAILED if results.failures else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
