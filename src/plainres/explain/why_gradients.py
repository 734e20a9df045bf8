"""Asks what goes with the failure of deep networks: how large gradients are, how unequal, or how incoherent."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from mlflow import MlflowClient

from plainres.analysis.results import SweepResults
from plainres.analysis.stored_runs import histories
from plainres.analysis.trained import TrainedRun
from plainres.explain import leaky_dial
from plainres.explain.first_updates import exchange_sentences, first_update, is_exchange
from plainres.explain.inspection import Findings, columns, network_at_start, training_batch
from plainres.explain.paired_seeds import (
    Cells,
    arm_of,
    geometric_spread,
    network_table,
    plain_and_residual,
    points,
    spread,
)
from plainres.names import COHERENCE, DISPARITY, GRADIENT, GROWTH, INITIAL, UNRELATED, UPDATE
from plainres.probes import gradient_coherence, growth_rate
from plainres.probes.growth_rate import MEAN_FIELD
from plainres.screen.drawn_seeds import draw_means, draw_points
from plainres.screen.figure_style import PAGE, by_arm, draw_legend, panels_in_rows, plain_style
from plainres.screen.table import TextTable
from plainres.tracking.outages import reaching_store

FIRST = "first_cosine"


def measures(run: TrainedRun, images: int) -> dict[str, float]:
    """Measure cosines by block and growth a layer, at the start and as it was trained; and the first update."""
    batch = training_batch(run, images)
    found: dict[str, float] = {}
    for prefix, network in ((INITIAL, network_at_start(run.config)), ("", run.network)):
        values = {**gradient_coherence.measure(network, batch), **growth_rate.measure(network, batch)}
        found |= {prefix + name: value for name, value in values.items()}
    return found | first_update(network_at_start(run.config), run.config, batch)


@reaching_store()
def findings(measured: pd.DataFrame, results: SweepResults) -> Findings:
    """Make table, sentences and figures of what was measured."""
    first = columns(measured, INITIAL + COHERENCE)[0]
    data = measured.assign(**{FIRST: measured[first]})
    figures = {"gradients": draw_size_and_coherence(data), "gradients-training": draw_training(results)}
    if leaky_dial.is_turned(data):
        figures["gradients-leaks"] = leaky_dial.draw_dial(data)
    return Findings("gradients", data, table(data), sentences(data), figures)


def table(data: pd.DataFrame) -> TextTable:
    """Lay out a row for each network."""
    three_digits = partial(spread, digits=3)
    first_block = columns(data, COHERENCE)[0].removeprefix(COHERENCE)
    cells: Cells = {
        "training error": ("train_error", points),
        "growth": (INITIAL + GROWTH, three_digits),
        "update": (UPDATE, three_digits),
        "disparity": (DISPARITY, geometric_spread),
        "cosine": (FIRST, three_digits),
        "unrelated": (INITIAL + UNRELATED + first_block, three_digits),
        "cosine trained": (COHERENCE + first_block, three_digits),
    }
    caption = (
        "Mean ± standard deviation over seeds, at the start unless it says trained. Error in %; growth: factor of the "
        f"gradient's norm a layer, towards the input (mean field: {MEAN_FIELD:.3f}); update: norm of all "
        "gradients times learning rate; disparity: largest over smallest update of a convolution, each over the norm "
        "of its weights, geometric mean ×/÷ the factor of one standard deviation; cosine: of the gradients of nearby "
        "images, at the first block; unrelated: of two images of the data."
    )
    return network_table(data, cells, caption)


def sentences(data: pd.DataFrame) -> list[str]:
    """Say what growth, cosine and the exchange of updates tell, at the deepest depth."""
    runs = data[data["depth"] == data["depth"].max()]
    compared = next(plain_and_residual(runs), None)
    if compared is None:
        return ["A plain and a residual arm are needed to compare."]
    depth, plain, residual = compared
    return [
        f"At the start of depth {depth} the gradient grows by {spread(plain[INITIAL + GROWTH], 3)} a layer in "
        f"{arm_of(plain)} and by {spread(residual[INITIAL + GROWTH], 3)} in {arm_of(residual)} (mean field without "
        f"shortcuts {MEAN_FIELD:.3f}); at the first block the cosine is {spread(plain[FIRST], 3)} and "
        f"{spread(residual[FIRST], 3)}.",
        *exchange_sentences(runs, plain, residual),
        *([leaky_dial.sentence(data)] if leaky_dial.is_turned(data) else []),
    ]


def draw_size_and_coherence(data: pd.DataFrame) -> Figure:
    """Draw, of the start, cosines by the layers above a block, and errors against what may be their cause.

    The law 2^-L is of unrelated inputs and networks without shortcuts (Balduzzi et al. 2017, theorem 1). That paper's
    laws of residual networks are of blocks without a rectifier after the addition, and so aren't drawn.
    """
    dial = list(dict.fromkeys(leaky_dial.dial_of(data)["arm"]))[1:] if leaky_dial.is_turned(data) else []
    data = data[~data["arm"].isin(dial)]  # which has a figure of its own
    arms = list(dict.fromkeys(data["arm"]))
    look = by_arm(arms)
    compared = data[~data["arm"].isin([arm for arm in arms if is_exchange(arm, arms)])]
    cosines = {of: _by_layers_above(compared, INITIAL + of) for of in (COHERENCE, UNRELATED)}
    layers = np.arange(1, max([2, *cosines[COHERENCE]["above"]]) + 1)
    with plain_style():
        figure = Figure(figsize=(PAGE, 5.4), layout="constrained")
        above, below = [COHERENCE, UNRELATED], [UPDATE, DISPARITY, FIRST]
        panels = figure.subplot_mosaic([np.repeat(above, 3).tolist(), np.repeat(below, 2).tolist()])
        for of, words in zip(above, ("nearby", "unrelated"), strict=True):
            draw_means(panels[of], cosines[of], "above", "cosine", **look, markersize=3.5, legend=False)
            panels[of].set(yscale="log", ylim=(1e-3, 1.3), xlim=(0, layers[-1] + 1), xlabel="layers above")
            panels[of].set_ylabel(f"cosine, {words} images")
        panels[UNRELATED].plot(  # no data, so nothing for seaborn
            layers, 2.0**-layers, color=".3", linestyle=":", linewidth=1.2, label=r"$2^{-L}$, no shortcuts"
        )
        errors = data.reindex(columns=["arm", "train_error", *below]).assign(error=100 * data["train_error"])
        causes = "size of the first update", "disparity of its layers", "cosine of nearby images"
        for column, words in zip(below, causes, strict=True):
            draw_points(panels[column], errors, column, "error", **look, s=25, alpha=0.8, linewidth=0)
            panels[column].set(xlabel=words, ylim=(-3, 100))
        for column in (UPDATE, DISPARITY):
            panels[column].set_xscale("log")
            panels[column].xaxis.set_minor_formatter(NullFormatter())
        panels[UPDATE].set_ylabel("final training error (%)")
        draw_legend(figure)
    return figure


def draw_training(results: SweepResults) -> Figure:
    """Draw each layer's gradient norm through training, the mean over seeds, a panel an arm at the deepest depth."""
    client = MlflowClient(results.tracking_uri)
    runs = results.runs[results.runs["depth"] == results.runs["depth"].max()]
    layers = list(dict.fromkeys(results.gradients[results.gradients["depth"] == runs["depth"].max()]["layer"]))
    values = {layer: histories(client, list(runs["run_id"]), GRADIENT + layer) for layer in layers}
    arms = list(dict.fromkeys(runs["arm"]))
    with plain_style():
        figure, panels = panels_in_rows(len(arms), 2.6)
        shown = [_mean_log(values, list(runs[runs["arm"] == arm]["run_id"])) for arm in arms]
        finite = np.concatenate([norms[np.isfinite(norms)] for norms in shown])
        low, high = np.percentile(finite, [1, 100]) if len(finite) else (-1.0, 1.0)
        for arm, axes, norms in zip(arms, panels, shown, strict=True):
            mesh = axes.pcolormesh(  # seaborn's heat map has names of cells in place of axes of numbers
                np.arange(norms.shape[1] + 1) - 0.5, np.arange(len(layers) + 1) + 0.5, norms,
                cmap="viridis", vmin=low, vmax=high, rasterized=True,
            )  # fmt: skip
            axes.grid(visible=False)
            axes.set_title(arm.replace(":", ":\n"), parse_math=False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supxlabel("epoch")
        figure.supylabel("layer, from the input")
        figure.colorbar(mesh, ax=panels, label="log10 of gradient norm", pad=0.01)
    return figure


def _by_layers_above(data: pd.DataFrame, of: str) -> pd.DataFrame:
    """The deepest networks' cosines of such names, a row for each run and block, by the rectifiers above its input.

    A block whose mean over seeds isn't positive, which no logarithmic axis has, is left out.
    """
    deepest = data[data["depth"] == data["depth"].max()]
    table = deepest.melt(["arm", "depth"], columns(data, of), "block", "cosine").dropna()
    blocks = table.groupby("arm")["block"]
    count, place = blocks.transform("nunique"), blocks.transform(lambda names: pd.factorize(names)[0])
    # Layers of a block, those of the stem and the classifier left out, times the blocks from this one on.
    table = table.assign(above=((table["depth"] - 2) / count).round() * (count - place))
    positive: pd.DataFrame = table[table.groupby(["arm", "above"])["cosine"].transform("mean") > 0]
    return positive


def _mean_log(values: Mapping[str, Mapping[str, Mapping[int, float]]], run_ids: Sequence[str]) -> np.ndarray:
    """Logarithms of norms, (layers, epochs), the mean over runs."""
    epochs = sorted({epoch for of_runs in values.values() for run_id in run_ids for epoch in of_runs[run_id]})
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(
            [
                [[of_runs[run_id].get(epoch, np.nan) for epoch in epochs] for of_runs in values.values()]
                for run_id in run_ids
            ]
        )
    mean: np.ndarray = np.where(np.isfinite(logs), logs, np.nan).mean(axis=0)
    return mean
