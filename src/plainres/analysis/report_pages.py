"""Says what a sweep's report says, and writes it in Markdown and as one HTML page.

It is a structure, not Markdown that a library makes HTML of: on a phone every cell bears its column's name, and a
figure has a second drawing, neither of which Markdown can hold.
"""

import os
import platform
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import percent, sweep_table
from plainres.analysis.statistics import CONFIDENCE, EXACT_UP_TO
from plainres.analysis.tuned_table import tuned_tables
from plainres.analysis.verdict import Verdict
from plainres.screen.table import TextTable, escaped, markdown
from plainres.sweeps.tuned import PARAM as TUNED_PARAM, from_params
from plainres.tracking.store import browse_hint

TITLE = "Does depth make training harder?"
TEMPLATE = Path(__file__).with_name("report.html")
MADE_WITH = ("plainres", "torch", "mlflow", "numpy", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class Picture:
    """Names a figure, and holds its caption and what a person reads who doesn't see it."""

    name: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Section:
    """Holds what stands under one heading, in this order: paragraphs, the lines of a list, tables and pictures."""

    title: str = ""
    paragraphs: Sequence[str] = ()
    lines: Sequence[str] = ()
    tables: Sequence[TextTable] = ()
    pictures: Sequence[Picture] = ()


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


def content(results: SweepResults, verdict: Verdict) -> list[Section]:
    """Gather all that the report says below its title and the verdict's sentence."""
    has_runs = not results.runs.empty
    missing = [f"Missing: {', '.join(results.missing)}."] if results.missing else []
    sections = [
        Section(paragraphs=verdict.others, tables=[sweep_table(results, verdict)] if has_runs else []),
        Section(paragraphs=missing, pictures=PICTURES if has_runs else ()),
    ]
    if results.runs["processor"].nunique() > 1:
        sections.append(Section("Processors", tables=[_processors_table(results)]))
    if any(verdict.gaps.values()):
        sections.append(Section("Gaps", [_gaps_explained(verdict)], _gap_lines(results, verdict)))
    tuned = from_params(results.params)
    if tuned:
        sections.append(Section("Tuned values", tables=tuned_tables(tuned, results.runs)))
    settings = [f"{name}: {value}" for name, value in results.params.items() if not name.startswith(TUNED_PARAM)]
    sections.append(Section("Settings", lines=settings))
    if has_runs:
        sections.append(Section("Runs", tables=[_runs_table(results)]))
    return [*sections, Section("Made with", lines=_made_with(results))]


def markdown_page(verdict: Verdict, sections: Iterable[Section]) -> str:
    """Write the report in Markdown; its pictures are the files NAME.png."""
    blocks = [f"# {TITLE}", escaped(verdict.sentence)]
    for section in sections:
        blocks += [f"## {section.title}"] if section.title else []
        blocks += map(escaped, section.paragraphs)
        blocks += ["\n".join(f"- {escaped(line)}" for line in section.lines)] if section.lines else []
        blocks += map(markdown, section.tables)
        blocks += [f"![{each.alternative}]({each.name}.png)\n\n{each.caption}" for each in section.pictures]
    return "\n\n".join(blocks) + "\n"


def html_page(verdict: Verdict, sections: Iterable[Section], drawings: Mapping[str, tuple[str, str]]) -> str:
    """Write the report as one HTML file.

    Args:
        verdict: whose sentence stands at the top.
        sections: what the report says, as from `content`.
        drawings: by the name of each picture, its SVG for a wide page, and that for a phone, empty where it's the same.
    """
    from jinja2 import Template  # reading a sweep writes no page

    outcome, _, rest = verdict.sentence.partition(": ")
    template = Template(TEMPLATE.read_text("utf-8"), autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    page: str = template.render(
        title=TITLE,
        outcome=outcome,
        rest=rest[:1].upper() + rest[1:],
        sections=sections,
        drawings={name: tuple(map(_data_uri, svgs)) for name, svgs in drawings.items()},
        zip=zip,
    )
    return page


def _data_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" if svg else ""


def _gaps_explained(verdict: Verdict) -> str:
    return (
        f"Change of the final training error with depth in percentage points, paired by seed: mean and "
        f"{CONFIDENCE * 100:.0f} % t interval over seeds. p is that of the one-sided sign-flip test against a change "
        f"of {verdict.margin * 100:g}, exact up to {EXACT_UP_TO} seeds, by which an arm degrades or, if no seed fails, "
        "does not."
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


def _runs_table(results: SweepResults) -> TextTable:
    """List every run by its name, which leads to its page in MLflow's UI."""
    # The address of the experiment's runs is the hint's last word.
    page = browse_hint(results.tracking_uri, results.experiment_id).rpartition(" ")[2].partition("?")[0]
    rows = [
        (
            f"{run['arm']}-{run['depth']}-seed{run['seed']}",
            percent([run["train_error"]]),
            percent([run["test_error"]]),
            "yes" if run["diverged"] else "no",
        )
        for run in results.runs.to_dict("records")
    ]
    words = "Errors in %. A run's name leads to its page in MLflow's UI while that is being served."
    links = tuple(f"{page}/{run_id}" for run_id in results.runs["run_id"])
    return TextTable(("run", "training error", "test error", "diverged"), tuple(rows), words, links)


def _processors_table(results: SweepResults) -> TextTable:
    """Each network's training error by the kind of processor that trained it."""
    rows = tuple(
        (f"{arm} {depth}", str(processor) or "unknown", str(len(runs)), percent(runs["train_error"]))
        for (arm, depth, processor), runs in results.runs.groupby(["arm", "depth", "processor"], sort=False)
    )
    words = (
        "Training error in %, mean ± standard deviation over seeds. The same seed ends differently on another kind of "
        "processor: rounding alone moves a deep plain network by tens of points. Their distributions can be compared."
    )
    return TextTable(("network", "processor", "runs", "training error"), rows, words)


def _listed(commits: dict[str, int]) -> str:
    """The commits, with the number of each one's runs where there are several."""
    if len(commits) == 1:
        return next(iter(commits))
    return " and ".join(f"{commit} ({runs} run{'s' if runs > 1 else ''})" for commit, runs in commits.items())


def _made_with(results: SweepResults) -> tuple[str, ...]:
    commits = {str(commit): len(runs) for commit, runs in results.runs.groupby("commit", sort=False) if commit}
    packages = ", ".join(f"{name} {version(name)}" for name in MADE_WITH)
    return (
        *([f"Trained by the code of commit {_listed(commits)}"] if commits else []),
        f"Report made with {packages}, Python {platform.python_version()}",
        f"Report made on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        f"Rebuilt by `uv run python -m experiments.degradation --report {results.parent_run_id}`",
    )
