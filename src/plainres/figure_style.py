"""How every figure looks, whatever the person's own matplotlib settings are: at a paper's text size, on white."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

DOTS_PER_INCH = 200
# Okabe and Ito (2008), which the colour-blind tell apart; without yellow, too faint for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": ".3",
    "axes.grid": True,
    "axes.labelcolor": ".15",
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.size": 11,
    "grid.color": ".85",
    "grid.linewidth": 0.8,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "legend.title_fontsize": 10,
    "pdf.fonttype": 42,  # text stays text, as publishers ask for
    "text.color": ".15",
    "xtick.color": ".15",
    "xtick.labelsize": 10,
    "ytick.color": ".15",
    "ytick.labelsize": 10,
}


@contextmanager
def plain_style() -> Iterator[None]:
    """Around drawing and saving a figure: matplotlib's defaults and this style; the caller's settings come back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure in the format of the path's suffix."""
    with plain_style():
        figure.savefig(path, dpi=DOTS_PER_INCH)


def depth_colours(depths: Iterable[int]) -> dict[Any, Any]:
    """A colour for each depth, from dark to light as they grow, told apart by the colour-blind and in grey."""
    found = sorted(set(depths))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.75, max(2, len(found))))
    return dict(zip(found, shades, strict=False))
