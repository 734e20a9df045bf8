"""Says what a sweep's report says, and writes it in Markdown and as one HTML page.

It is a structure, not Markdown that a library makes HTML of: on a phone every cell bears its column's name, and a
figure has a second drawing, neither of which Markdown can hold. A script beside the page makes of its curves a figure
that tells the values of each run; where none may run, the static one stands.
"""

import json
import os
import platform
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from plainres.analysis.asked import changed_settings, command_of
from plainres.analysis.results import SPLITS, SweepResults, first_of_each_variant
from plainres.analysis.results_table import ERRORS, diverged_words, explanation, percent, sweep_table
from plainres.analysis.statistics import CONFIDENCE, EXACT_UP_TO, most_failures
from plainres.analysis.tuned_table import tuned_tables
from plainres.analysis.verdict import Verdict
from plainres.screen.figure_style import by_arm
from plainres.screen.table import TextTable, escaped, markdown, text_table
from plainres.settings import ABOUT, DECLARED
from plainres.settings.declaration import Role
from plainres.settings.values import as_text
from plainres.sweeps.tuned import PARAM as TUNED_PARAM, from_params
from plainres.tracking.store import browse_hint, page_of_run

TITLE = "Does depth make training harder?"
TEMPLATE, SCRIPT = (Path(__file__).with_name(f"report.{kind}") for kind in ("html", "js"))
MOST_EPOCHS = 50_000  # of all runs together, whose values a page holds
MAIN_COLUMNS = ("arm", "depth", "failed", "training error", "test error", "with depth")
MADE_WITH = ("plainres", "torch", "mlflow", "numpy", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class Picture:
    """Names a figure, and holds its caption and what a person reads who doesn't see it."""

    name: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Section:
    """Holds what stands under one heading, in this order: paragraphs, pictures, tables and the lines of a list.

    One that is `folded` is opened by a click on its heading.
    """

    title: str = ""
    paragraphs: Sequence[str] = ()
    lines: Sequence[str] = ()
    tables: Sequence[TextTable] = ()
    pictures: Sequence[Picture] = ()
    folded: bool = False


DEGRADATION = Picture(
    "degradation",
    "Final training error against depth: every seed a point, a line through the means.",
    "Chart of the final training error in percent by depth, a line for each arm",
)
CURVES = Picture(
    "curves",
    "Training error (bold, running mean of each epoch) and validation error (thin and dashed): mean over seeds, band "
    "from the lowest to the highest seed.",
    "Chart of the error in percent by epoch, a panel for each arm and a line for each depth",
)
GRADIENTS = Picture(
    "gradients",
    "L2 norm of the gradient of each layer on the main path: geometric mean over seeds, band from the lowest to the "
    "highest seed. Bottleneck blocks (50, 101 and 152 layers) draw a zigzag: at initialisation the norm is larger at "
    "the 3×3 convolution of each than at the two of 1×1 around it.",
    "Chart of the gradient norm by layer on a logarithmic axis, at initialisation and in the last epoch, a panel for "
    "each arm and a line for each depth",
)


def content(results: SweepResults, verdict: Verdict) -> list[Section]:
    """Gather all that the report says below its title and the verdict."""
    has_runs = not results.runs.empty
    missing = [f"Missing: {', '.join(results.missing)}."] if results.missing else []
    table = sweep_table(results, verdict)
    first = table.picked(MAIN_COLUMNS, ERRORS + diverged_words(results))
    sections = [
        Section(
            paragraphs=missing,
            pictures=[DEGRADATION] if has_runs else [],
            tables=[first] if has_runs else [],
            lines=verdict.others,
        )
    ]
    if has_runs:
        sections += [
            Section("By epoch", pictures=[CURVES]),
            Section("Gradients by layer", folded=True, pictures=[GRADIENTS]),
            Section(
                "Further columns, and what each means",
                [explanation(results, verdict)],
                tables=[table.picked([name for name in table.columns if name not in MAIN_COLUMNS[2:]])],
                folded=True,
            ),
        ]
    if any(verdict.gaps.values()):
        sections.append(
            Section(
                "The test",
                [_gaps_explained(verdict)],
                _difference_lines(results, verdict),
                [_gaps_table(verdict)],
                folded=True,
            )
        )
    if results.runs["processor"].nunique() > 1:
        sections.append(Section("Processors", tables=[_processors_table(results)], folded=True))
    tuned = from_params(results.params)
    if tuned:
        sections.append(Section("Tuned values", tables=tuned_tables(tuned, results.runs), folded=True))
    sections.append(_settings(results, verdict))
    if has_runs:
        sections.append(Section("Runs", tables=[_runs_table(results)], folded=True))
    return [*sections, Section("Made with", lines=_made_with(results), folded=True)]


def seeds_by_epoch(curves: pd.DataFrame, arms: Sequence[str], classes: int | None = None) -> dict[str, Any]:
    """Gather the errors of each run by epoch, in percent, for the page's script; empty where there are none, or many.

    Args:
        curves: as from `plainres.analysis.results.load_curves`.
        arms: in the order of the controls.
        classes: of the images, for a line at the error of guessing.
    """
    if not 0 < len(curves) <= MOST_EPOCHS:
        return {}
    of_runs: Any = curves.groupby(["arm", "depth", "seed"], sort=False)
    return {
        "arms": {arm: by_arm(arms)["palette"][arm] for arm in arms if arm in set(curves["arm"])},
        "guessing": 100 * (1 - 1 / classes) if classes else None,
        "depths": sorted(int(depth) for depth in curves["depth"].unique()),
        "runs": [
            {
                "arm": arm,
                "depth": int(depth),
                "seed": int(seed),
                "epochs": of_run["epoch"].tolist(),
                **{split: _errors(of_run[metric]) for metric, split in SPLITS.items()},
            }
            for (arm, depth, seed), of_run in of_runs
        ],
    }


def verdict_markdown(verdict: Verdict) -> str:
    """Write the verdict in Markdown: the outcome bold, a line for both its arms, and what it rests on."""
    arms = "\n".join(f"- {escaped(line)}" for line in verdict.arms)
    return "\n\n".join(filter(None, [f"**{escaped(verdict.sentence)}**", arms, escaped(verdict.basis)]))


def markdown_page(verdict: Verdict, sections: Iterable[Section]) -> str:
    """Write the report in Markdown; its pictures are the files NAME.png."""
    blocks = [f"# {TITLE}", verdict_markdown(verdict)]
    for section in sections:
        blocks += [f"## {section.title}"] if section.title else []
        blocks += map(escaped, section.paragraphs)
        blocks += [f"![{each.alternative}]({each.name}.png)\n\n{each.caption}" for each in section.pictures]
        blocks += map(markdown, section.tables)
        blocks += ["\n".join(f"- {escaped(line)}" for line in section.lines)] if section.lines else []
    return "\n\n".join(blocks) + "\n"


def html_page(
    verdict: Verdict,
    sections: Iterable[Section],
    drawings: Mapping[str, tuple[str, str]],
    seeds: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Write the report as one HTML file.

    Args:
        verdict: what stands at the top.
        sections: what the report says, as from `content`.
        drawings: by the name of each picture, its SVG for a wide page, and that for a phone, empty where it's the same.
        seeds: as from `seeds_by_epoch`; without any the static curves stand.
    """
    from jinja2 import Template  # reading a sweep writes no page

    template = Template(TEMPLATE.read_text("utf-8"), autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    script = SCRIPT.read_text("utf-8") if seeds else ""
    page: str = template.render(
        title=TITLE,
        verdict=verdict,
        sections=sections,
        drawings={name: tuple(map(_data_uri, svgs)) for name, svgs in drawings.items()},
        seeds=json.dumps(dict(seeds)).replace("<", "\\u003c"),  # which can't end the element that it stands in
        script=script,
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        zip=zip,
    )
    return page


def _errors(accuracies: pd.Series) -> list[float | None]:
    """In percent; None for what can't be an error."""
    return [round(100 * (1 - each), 3) if 0 <= each <= 1 else None for each in accuracies]


def _data_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" if svg else ""


def _gaps_explained(verdict: Verdict) -> str:
    return (
        f"Change of the final training error with depth in percentage points, paired by seed: mean and "
        f"{CONFIDENCE * 100:.0f} % t interval over seeds. p is that of the one-sided sign-flip test against a change "
        f"of {verdict.margin * 100:g}, exact up to {EXACT_UP_TO} seeds, by which an arm degrades or, if no seed fails, "
        "does not."
    )


def _gaps_table(verdict: Verdict) -> TextTable:
    rows = [
        (
            arm, str(depth), str(gap.interval), f"{gap.p:.3g}", verdict.with_depth(arm, depth),
            f"{gap.failed} of {gap.seeds}", f"{100 * most_failures(gap.failed, gap.seeds):.0f} %",
        )
        for arm, gaps in verdict.gaps.items()
        for depth, gap in gaps.items()
    ]  # fmt: skip
    words = "At most: of all seeds so many fail, with 95 % confidence (Clopper and Pearson 1934, one-sided)."
    return text_table(("arm", "depth", "change", "p", "with depth", "failed", "at most"), rows, words)


def _difference_lines(results: SweepResults, verdict: Verdict) -> list[str]:
    plain, residual = first_of_each_variant(results.arms)
    of_pair = {plain: {residual: verdict.difference}} if verdict.difference else {}
    worth = ", what the shortcut is worth"
    return [
        f"The change of {arm} less that of {other}, from {results.depths[0]} to {results.depths[-1]} layers: "
        f"{difference}{worth if arm == plain else ''}"
        for arm, differences in {**of_pair, **verdict.differences}.items()
        for other, difference in differences.items()
    ]


def _settings(results: SweepResults, verdict: Verdict) -> Section:
    """The command, then the settings, first those that the recipe has otherwise."""
    asked = {name: value for name, value in results.params.items() if not name.startswith(TUNED_PARAM)}
    changed = changed_settings(results, Role.IDENTITY)
    rows = [(name, asked[name], recipe) for name, recipe in changed.items()]
    words = "Changed: these differ from the data set's recipe, arms' own settings aside."
    return Section(
        "Command and settings",
        [command_of(results, verdict.margin)],
        [f"{name}: {value}{_meaning(name, value)}" for name, value in asked.items() if name not in changed],
        [text_table(("changed", "here", "recipe"), rows, words)] if rows else [],
        folded=True,
    )


def _meaning(name: str, value: str) -> str:
    """Say in brackets what a setting's default stands for, as 0 for all images."""
    shown = ABOUT[name].shown if name in ABOUT and value == as_text(DECLARED[name].default) else ""
    return f" ({shown})" if shown else ""


def _runs_table(results: SweepResults) -> TextTable:
    """List every run by its name, which leads to its page in MLflow's UI."""
    # An address of MLflow's UI is the hint's last word.
    server = browse_hint(results.tracking_uri, results.experiment_id).rpartition(" ")[2].partition("/#/")[0]
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
    links = tuple(server + page_of_run(results.experiment_id, run_id) for run_id in results.runs["run_id"])
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
