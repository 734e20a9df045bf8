"""The table that a sweep comes to: a row for each variant and depth, over seeds."""

import pandas as pd
from rich.table import Table
from scipy.stats import gmean

from plainres import table

COLUMNS = ("variant", "depth", "seeds", "training error", "test error", "grad. ratio", "time")
EXPLANATION = (
    "Errors in %, over whole splits in evaluation mode, mean ± standard deviation over seeds. Grad. ratio: norm of "
    "the first convolution's gradient over the classifier's at initialisation, geometric mean over seeds. Time: mean "
    "of a run."
)


def summary_rows(runs: pd.DataFrame) -> list[tuple[str, ...]]:
    """The cells under `COLUMNS`, as text."""
    return [
        (
            str(variant),
            str(depth),
            str(len(group)),
            _percent(group["train_error"]),
            _percent(group["test_error"]),
            _three_digits(gmean(group["gradient_ratio"])),
            f"{group['seconds'].mean():.1f} s",
        )
        for (variant, depth), group in runs.groupby(["variant", "depth"])
    ]


def terminal_table(runs: pd.DataFrame) -> Table:
    """The table for a terminal."""
    return table.terminal(COLUMNS, summary_rows(runs), EXPLANATION)


def markdown_table(runs: pd.DataFrame) -> str:
    """The table in Markdown."""
    return table.markdown(COLUMNS, summary_rows(runs), EXPLANATION)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _percent(errors: pd.Series) -> str:
    spread = f" ± {errors.std() * 100:.2f}" if len(errors) > 1 else ""
    return f"{errors.mean() * 100:.2f}{spread}"
