"""How every figure looks, whatever the person's own settings are: at a paper's text and page size, on white."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import matplotlib
import numpy as np
from matplotlib.figure import Figure

DOTS_PER_INCH = 200
PAGE, COLUMN = 6.9, 4.2  # inches: the width of a page's text, and of a figure with one panel
UNDATED: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
# Okabe and Ito (2008), which the colour-blind tell apart; without yellow, too faint for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
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
    """Around drawing and saving a figure: matplotlib's defaults and this style; the caller's settings come back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


class ShownFigure(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        save_figure(self, file, "png")
        return file.getvalue()


def save_figure(figure: Figure, file: Path | IO[str] | IO[bytes], form: str | None = None) -> None:
    """Save a figure in the format named, or of the path's suffix."""
    form = form or cast(Path, file).suffix.removeprefix(".")
    with plain_style():
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=UNDATED.get(form))


def depth_colours(depths: Iterable[int]) -> dict[Any, Any]:
    """A colour for each depth, from dark to light as they grow, told apart by the colour-blind and in grey."""
    found = sorted(set(depths))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.75, max(2, len(found))))
    return dict(zip(found, shades, strict=False))
