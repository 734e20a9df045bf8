"""Asks what goes with the failure of deep networks: gradients' size, or that those of nearby images don't agree."""

import math
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
from plainres.explain.inspection import Findings, columns, network_at_start, training_batch
from plainres.explain.paired_seeds import (
    Cells,
    answer,
    arm_of,
    difference,
    network_table,
    plain_and_residual,
    points,
    spread,
)
from plainres.names import COHERENCE, GRADIENT, GROWTH, INITIAL, UPDATE
from plainres.probes import gradient_coherence, gradients
from plainres.probes.growth_rate import MEAN_FIELD, growth_rate
from plainres.screen.drawn_seeds import draw_means, draw_points
from plainres.screen.figure_style import PAGE, by_arm, draw_legend, panels_in_rows, plain_style
from plainres.screen.table import TextTable
from plainres.settings import RunConfig
from plainres.sweeps.arms import Arm, parse_arm, without
from plainres.tracking.outages import reaching_store
from plainres.training.trainer import PROBE_IMAGES

FIRST = "first_cosine"
ALIKE = 2.0  # the factor between two updates up to which their sizes are about the same


def controls(configs: Sequence[RunConfig]) -> list[str]:
    """Name two arms that exchange the size of their first updates: plain with the residual's, residual with plain's.

    An arm that has the other's already is left out, and one whose rate would be no number.

    Args:
        configs: of the networks that are compared; the first plain and the first residual arm count, at their deepest.
            They are looked at on the CPU, wherever they will be trained.
    """
    deepest = [config for config in configs if config.depth == max(each.depth for each in configs)]
    first_arms = {config.variant: config.arm for config in reversed(deepest)}
    of_variant = {variant: [config for config in deepest if config.arm == arm] for variant, arm in first_arms.items()}
    if len(of_variant) < 2:
        return []
    first = {variant: of[0] for variant, of in of_variant.items()}
    norms = {variant: float(np.median([_first_norm(config) for config in of])) for variant, of in of_variant.items()}
    updates = {variant: first[variant].lr * norm for variant, norm in norms.items()}
    rates = {
        variant: float(f"{updates[other] / norms[variant]:.2g}")
        for variant, other in (("plain", "residual"), ("residual", "plain"))
    }
    return [
        Arm(variant, {**parse_arm(first[variant].arm).settings, "lr": rate}).name
        for variant, rate in rates.items()
        if 0 < rate < math.inf and rate != first[variant].lr
    ]


def _first_norm(config: RunConfig) -> float:
    """Measure the norm of all gradients of a network before its first step."""
    start = TrainedRun(network_at_start(config), config)
    return gradients.measure(start.network, training_batch(start, PROBE_IMAGES))[f"{GRADIENT}total"]


def measures(run: TrainedRun, images: int) -> dict[str, float]:
    """Measure cosines by block and growth a layer, of the network at its start and as it was trained."""
    batch = training_batch(run, images)
    found: dict[str, float] = {}
    for prefix, network in ((INITIAL, network_at_start(run.config)), ("", run.network)):
        norms = gradients.measure(network, batch)
        by_layer = {name.removeprefix(GRADIENT): norm for name, norm in norms.items()}
        values = {**gradient_coherence.measure(network, batch), GROWTH: growth_rate(network, by_layer)}
        found |= {prefix + name: value for name, value in values.items()}
        if prefix:
            found[UPDATE] = run.config.lr * norms[f"{GRADIENT}total"]
    return found


@reaching_store()
def findings(measured: pd.DataFrame, results: SweepResults) -> Findings:
    """Make table, sentences and figures of what was measured."""
    first = columns(measured, INITIAL + COHERENCE)[0]
    data = measured.assign(**{FIRST: measured[first]})
    figures = {"gradients": draw_size_and_coherence(data), "gradients-training": draw_training(results)}
    return Findings("gradients", data, table(data), sentences(data), figures)


def table(data: pd.DataFrame) -> TextTable:
    """Lay out a row for each network."""
    three_digits = partial(spread, digits=3)
    cells: Cells = {
        "training error": ("train_error", points),
        "growth": (INITIAL + GROWTH, three_digits),
        "update": (UPDATE, three_digits),
        "cosine": (FIRST, three_digits),
        "cosine trained": (columns(data, COHERENCE)[0], three_digits),
    }
    caption = (
        "Mean ± standard deviation over seeds, at the start unless it says trained. Error in %; growth: factor of the "
        f"gradient's norm a layer, towards the input (mean field: {MEAN_FIELD:.3f}); update: norm of all "
        "gradients times learning rate; cosine: of the gradients of nearby images, at the first block."
    )
    return network_table(data, cells, caption)


def sentences(data: pd.DataFrame) -> list[str]:
    """Say what growth, cosine and the exchange of update sizes tell, at the deepest depth."""
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
        *_exchange(dict(list(runs.groupby("arm", sort=False))), plain, residual),
    ]


def _exchange(of_arm: Mapping[str, pd.DataFrame], plain: pd.DataFrame, residual: pd.DataFrame) -> list[str]:
    """Say what follows from exchanged update sizes, where arms have them."""
    slowed = _rescaled(of_arm, arm_of(plain), residual[UPDATE].median())
    hurried = _rescaled(of_arm, arm_of(residual), plain[UPDATE].median())
    if not slowed or not hurried:
        return []
    still, worse = (difference(of_arm[arm], residual, "train_error") for arm in (slowed, hurried))
    return [
        f"With the residual's update size plain ({slowed}) ends {still or '?'} points above it: "
        f"{answer(still, 'size alone does not explain the failure', 'size explains the failure')}.",
        f"With the plain's update size residual ({hurried}) ends {worse or '?'} points above itself: "
        f"{answer(worse, 'size alone makes a residual network fail, too', 'it bears that size')}.",
    ]


def draw_size_and_coherence(data: pd.DataFrame) -> Figure:
    """Draw, of the start, cosines by the layers above a block, with the laws; and errors against both causes."""
    arms = list(dict.fromkeys(data["arm"]))
    look = by_arm(arms)
    cosines = _by_layers_above(data[~data["arm"].isin([arm for arm in arms if _is_control(arm, arms)])])
    layers = np.arange(1, max(2, cosines["above"].max() if len(cosines) else 2) + 1)
    predicted = {r"$2^{-L}$": (2.0**-layers, ":"), r"$1/\sqrt{L}$": (layers**-0.5, "--")}
    with plain_style():
        figure = Figure(figsize=(PAGE, 3.1), layout="constrained")
        laws, size, coherence = figure.subplots(1, 3)
        draw_means(laws, cosines, "above", "cosine", **look, markersize=3.5, legend=False)
        for law, (values, dashes) in predicted.items():  # no data, so nothing for seaborn
            laws.plot(layers, values, color=".3", linestyle=dashes, linewidth=1.2, label=law)
        laws.set(yscale="log", ylim=(1e-3, 1.3), xlabel="layers above", ylabel="cosine of nearby gradients")
        errors = data.assign(error=100 * data["train_error"])
        for axes, column in ((size, UPDATE), (coherence, FIRST)):
            draw_points(axes, errors, column, "error", **look, s=25, alpha=0.8, linewidth=0)
        size.set(xscale="log", xlabel="size of the first update", ylabel="final training error (%)", ylim=(-3, 100))
        size.xaxis.set_minor_formatter(NullFormatter())
        coherence.set(xlabel="cosine at the first block", ylim=(-3, 100))
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


def _by_layers_above(data: pd.DataFrame) -> pd.DataFrame:
    """The deepest networks' cosines, a row for each run and block, by the rectifiers above the block's input.

    A block whose mean over seeds isn't positive, which no logarithmic axis has, is left out.
    """
    deepest = data[data["depth"] == data["depth"].max()]
    table = deepest.melt(["arm", "depth"], columns(data, INITIAL + COHERENCE), "block", "cosine").dropna()
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


def _rescaled(arms: Mapping[str, pd.DataFrame], arm: str, update: float) -> str | None:
    """Find the arm that differs from this one in the learning rate alone and has about this first update, if any."""
    others = [other for other in arms if other != arm and without(other, "lr") == without(arm, "lr")]
    apart = {other: abs(math.log(arms[other][UPDATE].median() / update)) for other in others}
    nearest = min(apart, key=lambda other: apart[other], default=None)
    return nearest if nearest and apart[nearest] < math.log(ALIKE) else None


def _is_control(arm: str, arms: Sequence[str]) -> bool:
    return any(without(other, "lr") == without(arm, "lr") for other in arms[: arms.index(arm)])
