"""Holds a sweep's results and the verdict on them, which `plainres.compare` gives, and shows them in a notebook."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plainres.analysis.results import SweepResults, load_curves, read_sweep
from plainres.analysis.results_table import COLUMNS, network_table, sweep_table
from plainres.analysis.verdict import Verdict, judge
from plainres.screen.figure_style import save_figure
from plainres.settings.declaration import check_choice
from plainres.settings.page import ARTICLE
from plainres.settings.thresholds import MARGIN

FIGURES = ("degradation", "curves", "gradients")
NOTEBOOK_STYLE: Any = [
    {"selector": "th, td", "props": "text-align: right; white-space: nowrap"},
    {"selector": "th", "props": "white-space: normal"},
    {"selector": ".col0", "props": "text-align: left"},
    {"selector": "caption", "props": "caption-side: bottom; text-align: left; font-style: italic"},
]
SHOWN_WIDTH = 640  # pixels of the figure in a notebook, half of what it's saved with


@dataclass(frozen=True, eq=False, repr=False)
class JudgedSweep(SweepResults):
    """Holds a sweep as its store has it; a notebook shows the verdict, the figure of the errors and a table.

    Attributes:
        verdict: on its results: `sentence`, `lines`, `outcome`, and by arm and depth the `gaps` with their intervals.
    """

    verdict: Verdict

    @cached_property
    def table(self) -> pd.DataFrame:
        """Hold a row for each network, as `plainres.analysis.results_table.network_table` says."""
        return network_table(self, self.verdict)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Hold a row for each run and epoch: arm, variant, depth, seed, epoch, losses, accuracies and learning rate."""
        return load_curves(self)

    def plot(self, kind: str = "degradation", ax: Axes | Sequence[Axes] | None = None) -> Figure:
        """Draw a figure of the report, with the report's style, or on axes of the caller's with theirs.

        Args:
            kind: `degradation` (final training error against depth), `curves` (errors by epoch, a panel for each arm)
                or `gradients` (norms by layer, for each arm one panel at initialisation and one at the end).
            ax: one for each panel: the arms' in their order, and of gradients those at initialisation first.

        Raises:
            BadInput: there is no such figure, or it has another number of panels.
        """
        from plainres.analysis import figures  # with seaborn: reading a sweep draws nothing

        check_choice("figure", kind, FIGURES)
        axes = None if ax is None else list(np.ravel(np.asarray(ax)))
        if kind == "degradation":
            return figures.draw_degradation(self.runs, self.arms, axes, classes=self.classes)
        if kind == "curves":
            return figures.draw_curves(self.curves, self.arms, axes, classes=self.classes)
        return figures.draw_gradients(self.gradients, self.arms, axes)

    def export(self, folder: str | Path, width_in: float = ARTICLE) -> list[Path]:
        """Write what a paper needs into a folder, as `plainres.analysis.report.export_report` says; the files.

        Args:
            folder: made where it's missing; files of these names in it are written anew.
            width_in: of the figures, in inches; that of the text of LaTeX's class article by default.

        Raises:
            BadInput: the folder can't be written, or no figure can be that wide.
        """
        from plainres.analysis.report import export_report  # with all that draws

        return export_report(self, self.verdict, Path(folder), width_in)

    def __repr__(self) -> str:
        rows = [COLUMNS, *sweep_table(self, self.verdict).rows]
        first, *others = (max(map(len, cells)) for cells in zip(*rows, strict=True))
        lines = ["  ".join([name.ljust(first), *map(str.rjust, cells, others)]) for name, *cells in rows]
        return "\n".join([*self.verdict.lines, "", *lines])

    def _repr_html_(self) -> str:
        table = sweep_table(self, self.verdict)
        sentence, *lines = map(escape, self.verdict.lines)
        return "\n".join(
            [
                f"<p><strong>{sentence}</strong></p>",
                *(f"<p>{line}</p>" for line in lines),
                "" if self.runs.empty else _picture(self.plot()),
                pd.DataFrame(table.rows, columns=list(table.columns))
                .style.format(escape="html").hide().set_caption(escape(table.caption)).set_table_styles(NOTEBOOK_STYLE)
                .to_html(),
            ]
        )  # fmt: skip


def load_judged(parent_run_id: str, tracking_uri: str | None = None, margin: float = MARGIN) -> JudgedSweep:
    """Read a sweep as `plainres.analysis.read_sweep` does, and judge it by a margin in [0, 1]."""
    results = read_sweep(parent_run_id, tracking_uri)
    return JudgedSweep(**vars(results), verdict=judge(results, margin))


def _picture(figure: Figure) -> str:
    file = BytesIO()
    save_figure(figure, file, "png")
    data = b64encode(file.getvalue()).decode()
    words = "Final training error against depth"
    return f'<img width="{SHOWN_WIDTH}" alt="{words}" src="data:image/png;base64,{data}">'
