"""What a command prints at the end of a sweep: a table, sentences, and where to look further."""

from collections.abc import Iterable

from plainres.analysis.report import report_location
from plainres.analysis.results import SweepResults
from plainres.names import PAGE_FILE
from plainres.screen.console import console
from plainres.screen.table import TerminalTable
from plainres.tracking.store import browse_hint


def print_report(
    results: SweepResults, tables: Iterable[TerminalTable], sentences: Iterable[str], file: str = PAGE_FILE
) -> None:
    """Print them, then where this file of the report lies and how MLflow's UI shows the runs."""
    screen = console()
    for table in tables:
        screen.print(table)
    for sentence in sentences:
        screen.print(sentence, soft_wrap=not screen.is_terminal)
    screen.print(f"\nReport: {report_location(results, file)}", soft_wrap=True)
    screen.print(f"Browse: {browse_hint(results.tracking_uri, results.experiment_id, results.view)}", soft_wrap=True)
