"""Says how every figure looks, whatever the person's own settings are: at a paper's text and page size, on white."""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import IO, Any, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOTS_PER_INCH = 200
MOST_COLUMNS = 3  # of panels
PAGE, COLUMN = 6.9, 4.2  # inches: the width of a page's text, and of a figure with one panel
NARROWEST = 1.6  # inches, of a panel beside others
UNDATED: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
# Okabe and Ito (2008), which the colour-blind tell apart; without yellow, too faint for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BARE = {"plain": 0, "residual": 1}  # the places of their colour and marker, in every figure
# Columns of what tells lines and points apart: seaborn's headings in a legend, which needs none.
HEADINGS = {"network", "split", "lost", "batch size", "outcome"}
CHARACTER, HANDLE, LINE = 0.07, 0.65, 0.18  # inches of a legend's entry
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": ".3",
    "axes.grid": True,
    "axes.labelcolor": ".15",
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "font.size": 9,
    "grid.color": ".85",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.title_fontsize": 8.5,
    "figure.labelsize": 9,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,  # text stays text, as publishers ask for
    "svg.hashsalt": "plainres",  # the same figure is the same file
    "text.color": ".15",
    "xtick.color": ".15",
    "xtick.labelsize": 8,
    "ytick.color": ".15",
    "ytick.labelsize": 8,
}


@contextmanager
def plain_style() -> Iterator[None]:
    """Set matplotlib's defaults and this style while a figure is drawn or saved; the caller's settings come back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


class ShownFigure(Figure):
    """Is a figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        save_figure(self, file, "png")
        return file.getvalue()


def save_figure(figure: Figure, file: Path | IO[str] | IO[bytes], form: str | None = None) -> None:
    """Save a figure in the format named, or of the path's suffix."""
    form = form or cast(Path, file).suffix.removeprefix(".")
    with plain_style():
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=UNDATED.get(form))


def save_for_paper(figure: Figure, file: Path) -> None:
    """Save a figure as PNG under this name, and as PDF beside it."""
    for suffix in (".png", ".pdf"):
        save_figure(figure, file.with_suffix(suffix))


def depth_colours(depths: Iterable[int]) -> dict[Any, Any]:
    """Give each depth a colour, from dark to light as they grow, told apart by the colour-blind and in grey."""
    found = sorted(set(depths))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.75, max(2, len(found))))
    return dict(zip(found, shades, strict=False))


def ragged_panels(figure: Figure, rows: Sequence[int], **labelled: bool) -> list[Axes]:
    """Make so many panels in each row, the longest of which fills the figure, all with the same axes.

    Args:
        figure: that they are drawn on.
        rows: how many panels each has.
        labelled: which sides of every panel have labels, as of `tick_params`; else only those at the edge.
    """
    grid = figure.subplots(len(rows), max(rows), sharex=True, sharey=True, squeeze=False)
    for count, line in zip(rows, grid, strict=True):
        for axes in line[count:]:
            axes.remove()
    for axes in grid.flat:
        axes.tick_params(**labelled)
    return [axes for count, line in zip(rows, grid, strict=True) for axes in line[:count]]


def in_rows(panels: int, columns: int = MOST_COLUMNS) -> list[range]:
    """Divide so many panels into rows as long as each other, but for the last, of at most so many."""
    used = max(1, math.ceil(panels / max(1, math.ceil(panels / columns))))
    return [range(start, min(panels, start + used)) for start in range(0, panels, used)]


def columns_within(width: float) -> int:
    """Count the panels that fit beside each other into a figure of so many inches."""
    return min(MOST_COLUMNS, max(1, int(width / NARROWEST)))


def panels_in_rows(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Make a figure of a page's width, or less for one or two, with so many panels of this height, at most three a row.

    All have the same axes.
    """
    rows = [len(row) for row in in_rows(count)]
    width = {1: COLUMN, 2: PAGE * 0.83}.get(max(rows), PAGE)
    figure = Figure(figsize=(width, height * len(rows)), layout="constrained")
    return figure, ragged_panels(figure, rows, labelbottom=True)


def by_arm(arms: Iterable[str], column: str = "arm") -> dict[str, Any]:
    """Give each arm, or what else a column names, a colour and a marker.

    Plain and residual, or the first network of either, have theirs in every figure. All others have further ones in
    their order, and no two of the first 47 have both alike.

    Returns:
        seaborn's arguments.
    """
    order = list(arms)
    further, places = itertools.count(len(BARE)), dict[str, int]()
    for arm in order:
        own = BARE.get(re.sub(r" \d+$", "", arm))
        places[arm] = next(further) if own is None or own in places.values() else own
    colours = {arm: COLOURS[place % len(COLOURS)] for arm, place in places.items()}
    markers = {arm: MARKERS[(place + place // len(COLOURS)) % len(MARKERS)] for arm, place in places.items()}
    return {"hue": column, "hue_order": order, "palette": colours, "style": column, "markers": markers}


def take_legends(panels: Iterable[Axes]) -> dict[str, Any]:
    """Take the panels' legends away, for one that stands for all of them; what is drawn, by label."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in HEADINGS:
                entries.setdefault(label, handle)
        legend = axes.get_legend()
        if legend:
            legend.remove()
    return entries


def draw_legend(figure: Figure, title: str = "") -> None:
    """Draw a legend above the panels, in as many columns as the figure is wide enough for, under a title."""
    entries = take_legends(figure.axes)
    longest = max(map(len, entries), default=0)
    columns = max(1, min(len(entries), int(figure.get_figwidth() / (HANDLE + CHARACTER * longest))))
    said = wrap(title, int(figure.get_figwidth() / CHARACTER))
    figure.set_figheight(figure.get_figheight() + LINE * (math.ceil(len(entries) / columns) - 1 + len(said)))
    drawn = list(entries.values()), list(entries)
    figure.legend(*drawn, loc="outside upper center", ncols=columns, title="\n".join(said))
