"""The report of a sweep: Markdown, a table and figures, stored with its parent run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from plainres.analysis.results import SweepResults, load_curves, load_gradients
from plainres.analysis.summary import markdown_table
from plainres.analysis.tuned_table import tuned_markdown_table
from plainres.analysis.verdict import CONFIDENCE, Verdict
from plainres.names import REPORT_TAG
from plainres.sweeps.tuned import PARAM as TUNED_PARAM
from plainres.sweeps.tuned import from_params
from plainres.tracking.artifacts import artifact_location, log_artifact

DOTS_PER_INCH = 200
GAPS_EXPLAINED = (
    f"Change of the final training error with depth in percentage points, paired by seed: mean and {CONFIDENCE:.0%} t "
    "interval over seeds. A variant degrades when the interval at its deepest depth lies above 0."
)
CAPTIONS = {
    "degradation.png": "Final training error against depth: every seed a point, a line through the means.",
    "curves.png": "Training error (dashed, running mean of each epoch) and validation error (bold): mean over seeds, "
    "band from the lowest to the highest seed.",
    "gradients.png": "L2 norm of the gradient of each layer on the main path: geometric mean over seeds, band from "
    "the lowest to the highest seed.",
}


def store_report(results: SweepResults, verdict: Verdict) -> None:
    """Build the report and store it with the parent run."""
    with TemporaryDirectory() as folder:
        write_report(results, verdict, Path(folder))
        log_artifact(results.tracking_uri, results.parent_run_id, Path(folder))
        client = MlflowClient(results.tracking_uri)
        client.set_tag(results.parent_run_id, "mlflow.note.content", verdict.sentence)
        client.set_tag(results.parent_run_id, REPORT_TAG, verdict.outcome)


def report_location(results: SweepResults) -> str:
    """Where `report.md` lies, as a path or URI."""
    return f"{artifact_location(results.tracking_uri, results.parent_run_id)}/report.md"


def write_report(results: SweepResults, verdict: Verdict, folder: Path) -> None:
    """Write `report.md`, `results.csv` and, where a run has finished, the figures into a folder."""
    results.runs.to_csv(folder / "results.csv", index=False)
    if not results.runs.empty:
        from plainres.analysis import figures  # seaborn takes seconds to import

        drawn = {
            "degradation.png": figures.draw_degradation(results.runs),
            "curves.png": figures.draw_curves(load_curves(results)),
            "gradients.png": figures.draw_gradients(load_gradients(results)),
        }
        for name, figure in drawn.items():
            figure.savefig(folder / name, dpi=DOTS_PER_INCH)
    (folder / "report.md").write_text(_markdown(results, verdict), encoding="utf-8")


def _markdown(results: SweepResults, verdict: Verdict) -> str:
    sections = ["# Does depth make training harder?", verdict.sentence]
    if not results.runs.empty:
        sections.append(markdown_table(results.runs))
    tuned = from_params(results.params)
    if tuned:
        sections += ["## Tuned values", tuned_markdown_table(tuned)]
    if results.missing:
        sections.append(f"Missing: {', '.join(results.missing)}.")
    if verdict.gaps:
        sections += ["## Gaps", GAPS_EXPLAINED, _gap_lines(results, verdict)]
    if not results.runs.empty:
        sections += [f"![{caption}]({name})\n\n{caption}" for name, caption in CAPTIONS.items()]
    settings = {name: value for name, value in results.params.items() if not name.startswith(TUNED_PARAM)}
    sections += ["## Configuration", "\n".join(f"- {name}: {value}" for name, value in settings.items())]
    if results.commit:
        sections.append(f"Code: commit {results.commit}.")
    sections.append(f"Rebuilt by `uv run python -m experiments.degradation --report {results.parent_run_id}`.")
    return "\n\n".join(sections) + "\n"


def _gap_lines(results: SweepResults, verdict: Verdict) -> str:
    shallowest = min(map(int, results.asked("depths")))
    lines = [
        f"- {variant} {depth} over {shallowest}: {interval}"
        for variant, gaps in verdict.gaps.items()
        for depth, interval in gaps.items()
    ]
    if verdict.difference:
        lines.append(f"- plain less residual, at the deepest: {verdict.difference}")
    return "\n".join(lines)
