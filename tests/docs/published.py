"""Makes the tables and figures of the pages from docs/data: `python -m tests.docs.published`.

A page has them between `<!-- from data/NAME.csv -->` and `<!-- end -->`, or errors alone after `NAME.csv, short`. A
file has a row a run, out of a store: `python -m tests.docs.published NAME PARENT_RUN_ID "THE COMMAND"`.
"""

import re
import sys
from functools import cache

import pandas as pd

from plainres.analysis.figures import draw_degradation
from plainres.analysis.results import GRADIENTS, SweepResults, first_of_each_variant, read_sweep, variant_of
from plainres.analysis.results_table import COLUMNS, sweep_table
from plainres.analysis.verdict import judge
from plainres.screen.figure_style import save_figure
from tests.environment import ROOT

DATA = ROOT / "docs" / "data"
BLOCK = re.compile(r"<!-- from (?:docs/)?data/([\w-]+)\.csv(, short)? -->\n(.*?)<!-- end -->", re.DOTALL)
KEPT = (
    "arm", "depth", "seed", "train_error", "test_error", "gradient_growth", "epochs_to_10", "diverged", "seconds",
    "processor", "commit",
)  # fmt: skip
SHOWN = tuple(name for name in COLUMNS if name != "time (s)")
SHORT = ("arm", "depth", "failed", "training error", "test error")
DIGITS = 6


def publish(name: str, parent_run_id: str, command: str) -> None:
    """Write the runs of a sweep in the store to a file of docs/data."""
    runs = read_sweep(parent_run_id).runs[list(KEPT)]
    runs = runs.assign(commit=runs["commit"].str[:12], command=command).round(DIGITS)
    runs.to_csv(DATA / f"{name}.csv", index=False)


@cache
def published(name: str) -> SweepResults:
    """Read a file of docs/data as what a sweep has come to."""
    runs = pd.read_csv(DATA / f"{name}.csv").fillna({"processor": "", "commit": ""})
    runs["variant"] = runs["arm"].map(variant_of)
    params = {plural: " ".join(map(str, runs[one].unique())) for plural, one in (("arms", "arm"), ("depths", "depth"))}
    params["seeds"] = " ".join(map(str, sorted(runs["seed"].unique())))
    return SweepResults("", "", "", params, runs, pd.DataFrame(columns=list(GRADIENTS)), ())


def block(name: str, *, short: bool = False) -> str:
    """Write a file's table in Markdown, and the verdict on it unless it's to be `short`."""
    results = published(name)
    verdict = judge(results)
    table = sweep_table(results, verdict)
    places = [COLUMNS.index(column) for column in (SHORT if short else SHOWN)]
    columns, *rows = ([cells[place] for place in places] for cells in (table.columns, *table.rows))
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 2)} --- |"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    if short:
        return "\n".join([*lines, ""])
    said = [verdict.sentence, *verdict.others] if all(first_of_each_variant(results.arms)) else verdict.others
    return "\n".join([*lines, "", *(f"> {sentence}\n" for sentence in said)])


def rewritten(text: str) -> str:
    """Put what today's files and code give into a page."""
    return BLOCK.sub(lambda found: _with(found, block(found[1], short=bool(found[2]))), text)


def _with(found: re.Match[str], content: str) -> str:
    return f"{found[0].partition(chr(10))[0]}\n{content}<!-- end -->"


def main() -> None:
    if len(sys.argv) > 1:
        publish(*sys.argv[1:])
        return
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    for path in sorted(DATA.glob("*.csv")):
        results = published(path.stem)
        save_figure(draw_degradation(results.runs, results.arms), ROOT / "docs" / "figures" / f"{path.stem}.png")


if __name__ == "__main__":
    main()
