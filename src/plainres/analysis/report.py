"""Stores the report of a sweep with its parent run, writes it to a folder, and prints what a command ends with."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis.report_pages import content, html_page, markdown_page, seeds_by_epoch, verdict_markdown
from plainres.analysis.results import SweepResults, load_curves
from plainres.analysis.results_table import paper_table
from plainres.analysis.verdict import Verdict
from plainres.errors import BadInput
from plainres.names import (
    MARGIN_TAG,
    PAGE_FILE,
    REPORT_TAG,
    SETTINGS_FILE,
    TEST_ERROR_BY_DEPTH,
    TRAIN_ERROR_BY_DEPTH,
)
from plainres.screen.console import console
from plainres.screen.figure_style import COLUMN, save_figure
from plainres.screen.table import TextTable, escaped, latex
from plainres.settings.page import ARTICLE, LEAST_WIDTH, MOST_WIDTH
from plainres.tracking.artifacts import artifact_sizes, download_artifact, log_artifact
from plainres.tracking.dataset_input import copy_dataset
from plainres.tracking.outages import making_once
from plainres.tracking.shared_view import Errors, log_by_depth, store_view
from plainres.tracking.store import browse_hint

NO_WORD = r"[^A-Za-z0-9]+"  # in the label of a LaTeX table


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
        note = "\n\n".join((verdict_markdown(verdict), *map(escaped, verdict.others)))
        tags = {"mlflow.note.content": note, MARGIN_TAG: f"{100 * verdict.margin:g}", REPORT_TAG: verdict.outcome}
        for tag, text in tags.items():
            making_once(partial(client.set_tag, results.parent_run_id, tag, text))


def print_report(
    results: SweepResults, tables: Iterable[TextTable], sentences: Iterable[str], *, file: str = PAGE_FILE
) -> None:
    """Print sentences and tables, then where this file of the report lies and how MLflow's UI shows the runs."""
    print_findings(tables, sentences)
    screen = console(soft_wrap=True)
    screen.print(f"\nReport: {results.folder}/{file}")
    screen.print(f"Browse: {browse_hint(results.tracking_uri, results.experiment_id, results.view)}")


def print_findings(tables: Iterable[TextTable], sentences: Iterable[str]) -> None:
    """Print sentences, the first of them bold, and tables; lines break between words in a terminal, not in a file."""
    screen = console()
    for place, sentence in enumerate(sentences):
        screen.print(sentence, style=None if place else "bold", soft_wrap=not screen.is_terminal)
    for table in tables:
        screen.print()
        screen.print(table)


def export_report(results: SweepResults, verdict: Verdict, folder: Path, width: float = ARTICLE) -> list[Path]:
    """Write the report into a folder, made where it's missing, as a paper needs it.

    That is `report.html`, `report.md`, `results.csv` (a row a run), `curves.csv` (a row an epoch of a run),
    `gradients.csv` (a row a layer of a run), `table.tex` (for the package booktabs, in one column of an article,
    labelled by the folder's name), each figure as PNG, PDF and SVG, and the sweep's `settings.toml` where it has one.

    Args:
        results, verdict: of the sweep.
        folder: files of these names in it are written anew.
        width: of the figures, in inches.

    Returns:
        The files.

    Raises:
        BadInput: the folder can't be written, or no figure can be that wide.
    """
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise BadInput(f"width {width} in is outside {LEAST_WIDTH} to {MOST_WIDTH}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        curves = load_curves(results)
        files = _write_pages(results, verdict, curves, _drawn(results, curves), folder)
        files += _save(_drawn(results, curves, width), folder, ("png", "pdf", "svg"))
        texts = {
            "table.tex": latex(paper_table(results), f"tab:{re.sub(NO_WORD, '-', folder.absolute().name)}"),
            "curves.csv": curves.to_csv(index=False),
            "gradients.csv": results.gradients.to_csv(index=False),
        }
        return files + _write(texts, folder) + _settings_file(results, folder)
    except OSError as error:
        raise BadInput(f"the report can't be written to {folder}: {error.strerror}") from error


def write_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write `report.html`, `report.md`, `results.csv` and, where a run has finished, the figures as PNG."""
    curves = load_curves(results)
    drawn = _drawn(results, curves)
    _write_pages(results, verdict, curves, drawn, folder)
    _save(drawn, folder, ("png",))


def _write_pages(
    results: SweepResults, verdict: Verdict, curves: pd.DataFrame, drawn: Mapping[str, Figure], folder: Path
) -> list[Path]:
    """Write both pages, with these figures, and the table of runs."""
    too_wide = [name for name, figure in drawn.items() if figure.get_figwidth() > COLUMN]
    on_phone = _drawn(results, curves, COLUMN, too_wide)
    drawings = {
        name: (_svg(figure), _svg(on_phone[name]) if name in on_phone else "") for name, figure in drawn.items()
    }
    sections = content(results, verdict)
    texts = {
        PAGE_FILE: html_page(verdict, sections, drawings, seeds_by_epoch(curves, results.arms, results.classes)),
        "report.md": markdown_page(verdict, sections),
        "results.csv": results.runs.to_csv(index=False),
    }
    return _write(texts, folder)


def _write(texts: Mapping[str, str], folder: Path) -> list[Path]:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _settings_file(results: SweepResults, folder: Path) -> list[Path]:
    """Copy the file that asks for the sweep again; none of a sweep of before there was one."""
    where = results.tracking_uri, results.parent_run_id
    return [download_artifact(*where, SETTINGS_FILE, folder)] if SETTINGS_FILE in artifact_sizes(*where) else []


def _save(figures: Mapping[str, Figure], folder: Path, kinds: Sequence[str]) -> list[Path]:
    paths = {folder / f"{name}.{kind}": figure for name, figure in figures.items() for kind in kinds}
    for path, figure in paths.items():
        save_figure(figure, path)
    return list(paths)


def _errors_by_depth(results: SweepResults) -> dict[str, Errors]:
    """Average over the seeds of networks that have them all: what is logged can't be taken back."""
    networks = results.runs.groupby(["arm", "depth"])[["train_error", "test_error"]]
    means = networks.mean()[networks.size() == len(results.seeds)].dropna()
    found: Any = means.to_dict()
    return {TRAIN_ERROR_BY_DEPTH: found["train_error"], TEST_ERROR_BY_DEPTH: found["test_error"]}


def _drawn(
    results: SweepResults, curves: pd.DataFrame, width: float | None = None, names: Collection[str] | None = None
) -> dict[str, Figure]:
    """Draw the figures, or those of these names, so wide if that is given; none where no run has finished."""
    if results.runs.empty:
        return {}
    from plainres.analysis import figures  # with seaborn: a command whose report is stored draws nothing

    arms, classes = results.arms, results.classes
    draws = {
        "degradation": partial(figures.draw_degradation, results.runs, arms, classes=classes, width=width),
        "curves": partial(figures.draw_curves, curves, arms, classes=classes, width=width),
        "gradients": partial(figures.draw_gradients, results.gradients, arms, width=width),
    }
    return {name: draw() for name, draw in draws.items() if names is None or name in names}


def _svg(figure: Figure) -> str:
    text = StringIO()
    save_figure(figure, text, "svg")
    return text.getvalue()
