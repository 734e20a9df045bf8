"""The frontier: the deepest network that each arm still trains."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from plainres.analysis.figures import draw_frontier
from plainres.analysis.results_table import percent
from plainres.screen import table
from plainres.screen.figure_style import save_figure
from plainres.settings.thresholds import TARGET_ERROR, is_learnt

COLUMNS = ("arm", "deepest trained", "training error", "first that fails", "training error ")
NONE = "–"
FIGURE = "frontier.png"


def trained_arms(runs: pd.DataFrame, depth: int) -> tuple[str, ...]:
    """The arms whose training error at a depth, the mean over seeds, ends at 10 % or less."""
    errors = runs[runs["depth"] == depth].groupby("arm", sort=False)["train_error"].mean()
    return tuple(str(arm) for arm, error in errors.items() if is_learnt(error))


def frontier_table(runs: pd.DataFrame, arms: Sequence[str]) -> table.TerminalTable:
    """A row for each arm.

    Args:
        runs: those of the climb, columns as in `plainres.analysis.results.SweepResults.runs`.
        arms: in the order of the rows.
    """
    rows = []
    for arm in arms:
        deepest, failed = _edge(runs, arm)
        errors = runs[runs["arm"] == arm].groupby("depth")["train_error"]
        cells = [
            (str(depth), percent(errors.get_group(depth))) if depth else (NONE, NONE) for depth in (deepest, failed)
        ]
        rows.append((arm, *cells[0], *cells[1]))
    words = f"Trained: the training error ends at {TARGET_ERROR * 100:g} % or less, the mean over seeds. Errors in %."
    return table.terminal(COLUMNS, rows, words)


def frontier_sentence(runs: pd.DataFrame, arms: Sequence[str], missing: Sequence[str] = ()) -> str:
    """How deep each arm reaches, the deepest first; and the names of the runs that are `missing`."""
    edges = {arm: _edge(runs, arm) for arm in arms}
    lacking = {arm for arm in arms for name in missing if name.startswith(f"{arm}-")}
    reached = [
        _reach(arm, *edge, lacks_runs=arm in lacking)
        for arm, edge in sorted(edges.items(), key=lambda item: -item[1][0])
    ]
    return (
        f"The deepest network that ends at a training error of {TARGET_ERROR * 100:g} % or less: {'; '.join(reached)}."
        + (f" Missing: {', '.join(missing)}." if missing else "")
    )


def write_frontier(runs: pd.DataFrame, arms: Sequence[str], folder: Path) -> None:
    """Write `frontier.png` and `.pdf`, and `frontier.csv` with a row for each run."""
    runs.to_csv(folder / "frontier.csv", index=False)
    figure = draw_frontier(runs, arms)
    for suffix in (".png", ".pdf"):
        save_figure(figure, folder / f"frontier{suffix}")


def _reach(arm: str, deepest: int, failed: int, *, lacks_runs: bool) -> str:
    if failed:
        return f"{arm} {deepest or 'none of the depths tried'}"
    if lacks_runs:
        return f"{arm} at least {deepest}" if deepest else f"{arm} unknown"
    return f"{arm} {deepest}, the deepest tried"


def _edge(runs: pd.DataFrame, arm: str) -> tuple[int, int]:
    """The deepest depth before the first that an arm fails, and that first one; 0 where there is none."""
    deepest = 0
    for depth in sorted(runs.loc[runs["arm"] == arm, "depth"]):
        if arm not in trained_arms(runs, depth):
            return deepest, int(depth)
        deepest = int(depth)
    return deepest, 0
