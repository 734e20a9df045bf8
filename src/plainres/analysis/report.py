"""The report of a sweep: as one page, in Markdown and as tables, stored with its parent run or written to a folder."""

from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis.report_content import content
from plainres.analysis.report_html import Drawing, html_page
from plainres.analysis.report_markdown import markdown_page
from plainres.analysis.results import SweepResults, load_curves
from plainres.analysis.results_table import latex_table
from plainres.analysis.verdict import Verdict
from plainres.errors import BadInput
from plainres.names import MARGIN_TAG, PAGE_FILE, REPORT_TAG, TEST_ERROR_BY_DEPTH, TRAIN_ERROR_BY_DEPTH
from plainres.screen.figure_style import MOST_COLUMNS, save_figure
from plainres.tracking.artifacts import artifact_location, log_artifact
from plainres.tracking.dataset_input import copy_dataset
from plainres.tracking.outages import making_once
from plainres.tracking.shared_view import Errors, log_by_depth, store_view


def store_report(results: SweepResults, verdict: Verdict) -> None:
    """Build the report and store it with the parent run."""
    with TemporaryDirectory() as folder:
        write_report(results, verdict, Path(folder))
        log_artifact(results.tracking_uri, results.parent_run_id, Path(folder))
        client = MlflowClient(results.tracking_uri)
        log_by_depth(client, results.parent_run_id, _errors_by_depth(results))
        if results.view:
            layers = _layers_of_deepest(results)
            store_view(client, results.experiment_id, results.view, results.arms, results.depths, layers)
        if not results.runs.empty:
            copy_dataset(client, results.runs["run_id"].iloc[0], results.parent_run_id)
        note = "\n\n".join((verdict.sentence, *verdict.others))
        tags = {"mlflow.note.content": note, MARGIN_TAG: f"{100 * verdict.margin:g}", REPORT_TAG: verdict.outcome}
        for tag, text in tags.items():
            making_once(partial(client.set_tag, results.parent_run_id, tag, text))


def report_location(results: SweepResults, file: str = PAGE_FILE) -> str:
    """Where the report's page lies, or another file of it, as a path or URI."""
    return f"{artifact_location(results.tracking_uri, results.parent_run_id)}/{file}"


def write_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write `report.html`, `report.md`, `results.csv` and, where a run has finished, the figures as PNG."""
    _write(results, verdict, folder, (".png",))


def export_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write the report into a folder, made where it's missing, as a paper needs it.

    That is `report.html`, `report.md`, `results.csv`, `table.tex` (for the package booktabs) and each figure as PNG,
    and at the size of a page as PDF and SVG.

    Raises:
        BadInput: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(results, verdict, folder, (".png", ".pdf", ".svg"))
        (folder / "table.tex").write_text(latex_table(results, verdict), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the report can't be written to {folder}: {error.strerror}") from error


def _write(results: SweepResults, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> None:
    results.runs.to_csv(folder / "results.csv", index=False)
    drawn, narrow = _drawn(results) if not results.runs.empty else ({}, {})
    for name, figure in drawn.items():
        for suffix in formats:
            save_figure(figure, folder / f"{name}{suffix}")
    drawings = {
        name: Drawing(_svg(figure), _svg(narrow[name]) if name in narrow else None) for name, figure in drawn.items()
    }
    blocks = content(results, verdict)
    (folder / PAGE_FILE).write_text(html_page(verdict, blocks, drawings), encoding="utf-8")
    (folder / "report.md").write_text(markdown_page(verdict, blocks), encoding="utf-8")


def _errors_by_depth(results: SweepResults) -> dict[str, Errors]:
    """Means over seeds, of networks whose seeds are all there: what is logged can't be taken back."""
    networks = results.runs.groupby(["arm", "depth"])[["train_error", "test_error"]]
    means = networks.mean()[networks.size() == len(results.seeds)].dropna().reset_index()
    keys = list(zip(means["arm"], means["depth"], strict=True))
    return {
        TRAIN_ERROR_BY_DEPTH: dict(zip(keys, means["train_error"], strict=True)),
        TEST_ERROR_BY_DEPTH: dict(zip(keys, means["test_error"], strict=True)),
    }


def _layers_of_deepest(results: SweepResults) -> list[str]:
    deepest = results.gradients[results.gradients["depth"] == results.gradients["depth"].max()]
    return list(deepest.sort_values("position", kind="stable")["layer"].unique())


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
