"""Stores the report of a sweep with its parent run, writes it to a folder, and prints what a command ends with."""

from collections.abc import Iterable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis.report_pages import content, html_page, markdown_page
from plainres.analysis.results import SweepResults, load_curves
from plainres.analysis.results_table import sweep_table
from plainres.analysis.verdict import Verdict
from plainres.errors import BadInput
from plainres.names import MARGIN_TAG, PAGE_FILE, REPORT_TAG, TEST_ERROR_BY_DEPTH, TRAIN_ERROR_BY_DEPTH
from plainres.screen.console import console
from plainres.screen.figure_style import MOST_COLUMNS, save_figure
from plainres.screen.table import TextTable, latex
from plainres.tracking.artifacts import log_artifact
from plainres.tracking.dataset_input import copy_dataset
from plainres.tracking.outages import making_once
from plainres.tracking.shared_view import Errors, log_by_depth, store_view
from plainres.tracking.store import browse_hint


def store_report(results: SweepResults, verdict: Verdict) -> None:
    """Build the report and store it with the parent run."""
    with TemporaryDirectory() as folder:
        write_report(results, verdict, Path(folder))
        log_artifact(results.tracking_uri, results.parent_run_id, Path(folder))
        client = MlflowClient(results.tracking_uri)
        log_by_depth(client, results.parent_run_id, _errors_by_depth(results))
        if results.view:
            deepest = results.gradients[results.gradients["depth"] == results.gradients["depth"].max()]
            layers = list(deepest.sort_values("position", kind="stable")["layer"].unique())
            store_view(client, results.experiment_id, results.view, results.arms, results.depths, layers)
        if not results.runs.empty:
            copy_dataset(client, results.runs["run_id"].iloc[0], results.parent_run_id)
        note = "\n\n".join((verdict.sentence, *verdict.others))
        tags = {"mlflow.note.content": note, MARGIN_TAG: f"{100 * verdict.margin:g}", REPORT_TAG: verdict.outcome}
        for tag, text in tags.items():
            making_once(partial(client.set_tag, results.parent_run_id, tag, text))


def print_report(
    results: SweepResults, tables: Iterable[TextTable], sentences: Iterable[str], *, file: str = PAGE_FILE
) -> None:
    """Print tables and sentences, then where this file of the report lies and how MLflow's UI shows the runs."""
    print_findings(tables, sentences)
    screen = console(soft_wrap=True)
    screen.print(f"\nReport: {results.folder}/{file}")
    screen.print(f"Browse: {browse_hint(results.tracking_uri, results.experiment_id, results.view)}")


def print_findings(tables: Iterable[TextTable], sentences: Iterable[str]) -> None:
    """Print tables and sentences; a terminal's lines break between words, those of a file where they end."""
    screen = console()
    for table in tables:
        screen.print(table)
    for sentence in sentences:
        screen.print(sentence, soft_wrap=not screen.is_terminal)


def export_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write the report into a folder, made where it's missing, as a paper needs it.

    That is `report.html`, `report.md`, `results.csv`, `table.tex` (for the package booktabs) and each figure as PNG,
    and at the size of a page as PDF and SVG.

    Raises:
        BadInput: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_report(results, verdict, folder, (".png", ".pdf", ".svg"))
        (folder / "table.tex").write_text(latex(sweep_table(results, verdict)), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the report can't be written to {folder}: {error.strerror}") from error


def write_report(results: SweepResults, verdict: Verdict, folder: Path, formats: Sequence[str] = (".png",)) -> None:
    """Write `report.html`, `report.md`, `results.csv` and, where a run has finished, the figures in these formats."""
    results.runs.to_csv(folder / "results.csv", index=False)
    drawn, narrow = _drawn(results) if not results.runs.empty else ({}, {})
    for name, figure in drawn.items():
        for suffix in formats:
            save_figure(figure, folder / f"{name}{suffix}")
    svgs = {name: (_svg(figure), _svg(narrow[name]) if name in narrow else "") for name, figure in drawn.items()}
    sections = content(results, verdict)
    (folder / PAGE_FILE).write_text(html_page(verdict, sections, svgs), encoding="utf-8")
    (folder / "report.md").write_text(markdown_page(verdict, sections), encoding="utf-8")


def _errors_by_depth(results: SweepResults) -> dict[str, Errors]:
    """Average over the seeds of networks that have them all: what is logged can't be taken back."""
    networks = results.runs.groupby(["arm", "depth"])[["train_error", "test_error"]]
    means = networks.mean()[networks.size() == len(results.seeds)].dropna()
    found: Any = means.to_dict()
    return {TRAIN_ERROR_BY_DEPTH: found["train_error"], TEST_ERROR_BY_DEPTH: found["test_error"]}


def _drawn(results: SweepResults) -> tuple[dict[str, Figure], dict[str, Figure]]:
    """Draw the figures, by name; and those that have a panel for each arm once more for a phone, in one column."""
    from plainres.analysis import figures  # with seaborn: a command whose report is stored draws nothing

    curves = load_curves(results)
    wide, narrow = (
        {
            "curves": figures.draw_curves(curves, results.arms, columns),
            "gradients": figures.draw_gradients(results.gradients, results.arms, columns),
        }
        for columns in (MOST_COLUMNS, 1)
    )
    return {"degradation": figures.draw_degradation(results.runs, results.arms), **wide}, narrow


def _svg(figure: Figure) -> str:
    text = StringIO()
    save_figure(figure, text, "svg")
    return text.getvalue()
