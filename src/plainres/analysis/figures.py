"""The figures of a report, fit for a paper: colour-blind-safe, every axis with its unit."""

from typing import Any, cast

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from scipy.stats import gmean

from plainres.figure_style import STYLE
from plainres.networks.architecture import VARIANTS

SEED_RANGE = ("pi", 100)  # seaborn's name for a band from the lowest to the highest value
BAND = {"alpha": 0.15, "linewidth": 0}


def draw_curves(curves: pd.DataFrame) -> Figure:
    """Training error (dashed) and validation error (bold) by epoch, plain left, residual right (the paper's figure 6).

    Args:
        curves: as from `plainres.analysis.results.load_curves`.
    """
    data = curves.assign(
        training=100 * (1 - curves["accuracy/train"]), validation=100 * (1 - curves["accuracy/validation"])
    ).melt(["variant", "depth", "seed", "epoch"], ["training", "validation"], "split", "error")
    with sns.plotting_context(STYLE), sns.axes_style(STYLE):
        grid = sns.relplot(
            data,
            kind="line",
            x="epoch",
            y="error",
            hue="depth",
            style="split",
            size="split",
            dashes={"training": (3, 1.5), "validation": ""},
            sizes={"training": 1.2, "validation": 2.4},
            **_panels(data),
        )
        grid.set(ylim=(0, None)).set_axis_labels("epoch", "error (%)").set_titles("{col_name}")
        for axes in grid.axes.flat:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return cast(Figure, grid.figure)


def draw_degradation(runs: pd.DataFrame) -> Figure:
    """Final training error against depth: every seed a point, a line through the means.

    Args:
        runs: the `runs` of a `plainres.analysis.results.SweepResults`.
    """
    data = runs.assign(error=100 * runs["train_error"])
    depths = sorted(data["depth"].unique())
    with sns.plotting_context(STYLE), sns.axes_style(STYLE):
        figure = Figure(figsize=(4.8, 3.4), layout="constrained")
        axes = figure.subplots()
        shared: dict[str, Any] = {
            "data": data, "x": "depth", "y": "error", "hue": "variant", "hue_order": VARIANTS, "style": "variant",
            "style_order": VARIANTS, "palette": sns.color_palette("colorblind", 2), "ax": axes,
        }  # fmt: skip
        sns.lineplot(**shared, errorbar=None, dashes=False, linewidth=1.6, legend=False)
        sns.scatterplot(**shared, markers=["o", "s"], s=45, alpha=0.8)
        axes.set_xscale("log")
        axes.set_xticks(depths, [str(depth) for depth in depths])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="depth (weighted layers)", ylabel="final training error (%)")
        axes.set_ylim(bottom=min(0, *axes.get_ylim()))
        axes.legend(title=None)
        sns.despine(figure)
    return figure


def draw_gradients(gradients: pd.DataFrame) -> Figure:
    """Gradient norm of each main-path layer by its position, at initialisation and in the last epoch.

    Args:
        gradients: as from `plainres.analysis.results.load_gradients`.
    """
    names = {"initialisation": "at initialisation", "end": "mean of the last epoch"}
    data = gradients.assign(time=gradients["when"].map(names))
    with sns.plotting_context(STYLE), sns.axes_style(STYLE):
        grid = sns.relplot(
            data,
            kind="line",
            x="position",
            y="norm",
            hue="depth",
            row="time",
            row_order=list(names.values()),
            estimator=gmean,
            linewidth=1.4,
            **_panels(data),
        )
        grid.set(yscale="log").set_titles("{col_name}, {row_name}")
        grid.set_axis_labels("layer position (0 input, 1 classifier)", "gradient norm (L2)")
    return cast(Figure, grid.figure)


def _panels(data: pd.DataFrame) -> dict[str, Any]:
    """What the figures with one panel a variant and one colour a depth share."""
    return {
        "col": "variant",
        "col_order": [variant for variant in VARIANTS if variant in set(data["variant"])],
        "palette": sns.color_palette("colorblind", data["depth"].nunique()),
        "errorbar": SEED_RANGE,
        "err_kws": BAND,
        "height": 3.3,
        "aspect": 1.15,
    }
