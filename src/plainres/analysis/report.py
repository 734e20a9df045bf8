"""The report of a sweep: Markdown, a table and figures, stored with its parent run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis import figures
from plainres.analysis.results import SweepResults, load_curves
from plainres.analysis.results_table import markdown_table
from plainres.analysis.statistics import CONFIDENCE
from plainres.analysis.tuned_table import tuned_markdown_table
from plainres.analysis.verdict import Verdict
from plainres.figure_style import save_figure
from plainres.names import REPORT_TAG
from plainres.sweeps.tuned import PARAM as TUNED_PARAM
from plainres.sweeps.tuned import from_params
from plainres.table import escaped
from plainres.tracking.artifacts import artifact_location, log_artifact

CAPTIONS = {
    "degradation": "Final training error against depth: every seed a point, a line through the means.",
    "curves": "Training error (dashed, running mean of each epoch) and validation error (bold): mean over seeds, band "
    "from the lowest to the highest seed.",
    "gradients": "L2 norm of the gradient of each layer on the main path: geometric mean over seeds, band from the "
    "lowest to the highest seed.",
}


def store_report(results: SweepResults, verdict: Verdict) -> None:
    """Build the report and store it with the parent run."""
    with TemporaryDirectory() as folder:
        write_report(results, verdict, Path(folder))
        log_artifact(results.tracking_uri, results.parent_run_id, Path(folder))
        client = MlflowClient(results.tracking_uri)
        client.set_tag(results.parent_run_id, "mlflow.note.content", "\n\n".join((verdict.sentence, *verdict.others)))
        client.set_tag(results.parent_run_id, REPORT_TAG, verdict.outcome)


def report_location(results: SweepResults) -> str:
    """Where `report.md` lies, as a path or URI."""
    return f"{artifact_location(results.tracking_uri, results.parent_run_id)}/report.md"


def write_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write `report.md`, `results.csv` and, where a run has finished, the figures into a folder."""
    results.runs.to_csv(folder / "results.csv", index=False)
    for name, figure in draw_figures(results).items():
        save_figure(figure, folder / f"{name}.png")
    (folder / "report.md").write_text(_markdown(results, verdict), encoding="utf-8")


def draw_figures(results: SweepResults) -> dict[str, Figure]:
    """The figures of a report by name, none where no run has finished."""
    if results.runs.empty:
        return {}
    return {
        "degradation": figures.draw_degradation(results.runs, results.arms),
        "curves": figures.draw_curves(load_curves(results), results.arms),
        "gradients": figures.draw_gradients(results.gradients, results.arms),
    }


def gaps_explained(verdict: Verdict) -> str:
    """What the lines of `gap_lines` are."""
    return (
        f"Change of the final training error with depth in percentage points, paired by seed: mean and "
        f"{CONFIDENCE * 100:.0f} % t interval over seeds. An arm degrades when the interval lies above "
        f"{verdict.margin * 100:g}, and does not degrade when it lies below; p is that of the exact one-sided "
        "sign-flip test against no change."
    )


def gap_lines(results: SweepResults, verdict: Verdict) -> list[str]:
    """Every gap in a line, arms in the order asked for."""
    lines = [
        f"{arm} {depth} over {results.depths[0]}: {gap}"
        for arm, gaps in verdict.gaps.items()
        for depth, gap in gaps.items()
    ]
    if verdict.difference:
        lines.append(f"plain less residual, at the deepest: {verdict.difference}")
    return lines


def settings_of(results: SweepResults) -> dict[str, str]:
    """What was asked for, without the tuned values, which have a table of their own."""
    return {name: value for name, value in results.params.items() if not name.startswith(TUNED_PARAM)}


def _markdown(results: SweepResults, verdict: Verdict) -> str:
    sections = ["# Does depth make training harder?", verdict.sentence, *verdict.others]
    if not results.runs.empty:
        sections.append(markdown_table(results, verdict))
    tuned = from_params(results.params)
    if tuned:
        sections += ["## Tuned values", tuned_markdown_table(tuned)]
    if results.missing:
        sections.append(f"Missing: {', '.join(results.missing)}.")
    if any(verdict.gaps.values()):
        sections += ["## Gaps", gaps_explained(verdict), _bullets(gap_lines(results, verdict))]
    if not results.runs.empty:
        sections += [f"![{caption}]({name}.png)\n\n{caption}" for name, caption in CAPTIONS.items()]
    settings = [f"{name}: {escaped(value)}" for name, value in settings_of(results).items()]
    sections += ["## Configuration", _bullets(settings)]
    if results.commit:
        sections.append(f"Code: commit {results.commit}.")
    sections.append(f"Rebuilt by `uv run python -m experiments.degradation --report {results.parent_run_id}`.")
    return "\n\n".join(sections) + "\n"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
