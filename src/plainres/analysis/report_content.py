"""What a sweep's report says, piece by piece, however it's shown."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version

from plainres.analysis import results_table
from plainres.analysis.results import SweepResults
from plainres.analysis.statistics import CONFIDENCE, EXACT_UP_TO
from plainres.analysis.tuned_table import tuned_tables
from plainres.analysis.verdict import Verdict
from plainres.sweeps.tuned import PARAM as TUNED_PARAM, from_params
from plainres.tracking.store import browse_hint

TITLE = "Does depth make training harder?"
MADE_WITH = ("plainres", "torch", "mlflow", "numpy", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class Heading:
    """Of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Lines of a list."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class DataTable:
    """Rows of text under columns; of a row, `links` has the address that its first cell leads to."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure by its name, with its caption and what a person reads who doesn't see it."""

    name: str
    caption: str
    alternative: str


Block = Heading | Paragraph | Bullets | DataTable | Picture

PICTURES = (
    Picture(
        "degradation",
        "Final training error against depth: every seed a point, a line through the means.",
        "Chart of the final training error in percent by depth, a line for each arm",
    ),
    Picture(
        "curves",
        "Training error (bold, running mean of each epoch) and validation error (dashed): mean over seeds, band from "
        "the lowest to the highest seed.",
        "Chart of the error in percent by epoch, a panel for each arm and a line for each depth",
    ),
    Picture(
        "gradients",
        "L2 norm of the gradient of each layer on the main path: geometric mean over seeds, band from the lowest to "
        "the highest seed.",
        "Chart of the gradient norm by layer on a logarithmic axis, at initialisation and in the last epoch, a panel "
        "for each arm and a line for each depth",
    ),
)


def content(results: SweepResults, verdict: Verdict) -> list[Block]:
    """All that the report says below its title and the verdict's sentence."""
    blocks: list[Block] = [Paragraph(sentence) for sentence in verdict.others]
    if not results.runs.empty:
        rows = tuple(results_table.summary_rows(results, verdict))
        blocks.append(DataTable(results_table.COLUMNS, rows, results_table.caption(results, verdict)))
    if results.missing:
        blocks.append(Paragraph(f"Missing: {', '.join(results.missing)}."))
    if not results.runs.empty:
        blocks += PICTURES
    if any(verdict.gaps.values()):
        blocks += [Heading("Gaps"), Paragraph(_gaps_explained(verdict)), Bullets(_gap_lines(results, verdict))]
    tuned = from_params(results.params)
    if tuned:
        blocks += [Heading("Tuned values")]
        blocks += [DataTable(made.columns, made.rows, made.caption) for made in tuned_tables(tuned, results.runs)]
    settings = tuple(f"{name}: {value}" for name, value in results.params.items() if not name.startswith(TUNED_PARAM))
    blocks += [Heading("Settings"), Bullets(settings)]
    if not results.runs.empty:
        blocks += [Heading("Runs"), _runs_table(results)]
    return [*blocks, Heading("Made with"), Bullets(_made_with(results))]


def _gaps_explained(verdict: Verdict) -> str:
    return (
        f"Change of the final training error with depth in percentage points, paired by seed: mean and "
        f"{CONFIDENCE * 100:.0f} % t interval over seeds. An arm degrades when the interval lies above "
        f"{verdict.margin * 100:g}, and does not degrade when it lies below; p is that of the one-sided "
        f"sign-flip test against no change, exact up to {EXACT_UP_TO} seeds."
    )


def _gap_lines(results: SweepResults, verdict: Verdict) -> tuple[str, ...]:
    lines = [
        f"{arm} {depth} over {results.depths[0]}: {gap}"
        for arm, gaps in verdict.gaps.items()
        for depth, gap in gaps.items()
    ]
    if verdict.difference:
        lines.append(f"plain less residual, at the deepest: {verdict.difference}")
    return tuple(lines)


def _runs_table(results: SweepResults) -> DataTable:
    """Every run by its name, which leads to its page in MLflow's UI."""
    runs = results.runs
    cells = zip(
        (
            f"{arm}-{depth}-seed{seed}"
            for arm, depth, seed in zip(runs["arm"], runs["depth"], runs["seed"], strict=True)
        ),
        (results_table.percent([error]) for error in runs["train_error"]),
        (results_table.percent([error]) for error in runs["test_error"]),
        ("yes" if diverged else "no" for diverged in runs["diverged"]),
        strict=True,
    )
    # The address of the experiment's runs is the hint's last word.
    page = browse_hint(results.tracking_uri, results.experiment_id).rpartition(" ")[2].partition("?")[0]
    links = tuple(f"{page}/{run_id}" for run_id in runs["run_id"])
    words = "Errors in %. A run's name leads to its page in MLflow's UI while that is being served."
    return DataTable(("run", "training error", "test error", "diverged"), tuple(cells), words, links)


def _made_with(results: SweepResults) -> tuple[str, ...]:
    packages = ", ".join(f"{name} {version(name)}" for name in MADE_WITH)
    return (
        *([f"Trained by the code of commit {results.commit}"] if results.commit else []),
        f"Report made with {packages}, Python {platform.python_version()}",
        f"Report made on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        f"Rebuilt by `uv run python -m experiments.degradation --report {results.parent_run_id}`",
    )
