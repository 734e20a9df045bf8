"""What seaborn draws of a table with a row a seed: lines through means, each in a band, and points."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

BANDS = "lines: means over seeds; bands: their range"  # what `draw_means` draws, for a legend


def draw_means(axes: Axes, table: pd.DataFrame, x: str, y: str, **look: Any) -> None:
    """Draw lines through the means over seeds, each in a band from the lowest seed to the highest.

    Args:
        axes: on a logarithmic scale, which is set before, means are geometric.
        table: what isn't finite is left out.
        x, y: columns.
        look: `hue`, `palette` and further arguments of `seaborn.lineplot`.
    """
    band = {"alpha": 0.15, "linewidth": 0}
    look = {
        "legend": "full",
        "dashes": False,
        "linewidth": 1.4,
        "markeredgewidth": 0,
        "errorbar": ("pi", 100),
        "err_kws": band,
        **look,
    }
    if not table.empty:  # of which seaborn would warn
        sns.lineplot(table, x=x, y=y, ax=axes, **look)
    axes.set(xlabel="", ylabel="")  # where seaborn writes the columns' names


def draw_points(axes: Axes, table: pd.DataFrame, x: str, y: str, **look: Any) -> None:
    """Draw each row as a point; arguments as of `draw_means`, and further ones of `seaborn.scatterplot`."""
    if not table.empty:
        sns.scatterplot(table, x=x, y=y, ax=axes, **{"legend": "full", **look})
        for line in axes.lines:  # seaborn's for the legend, which a layout would make room for at the figure's corner
            line.set_in_layout(np.size(line.get_xdata()) > 0)
    axes.set(xlabel="", ylabel="")
