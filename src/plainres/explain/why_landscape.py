"""Measures how the loss lies around trained networks, and how sharply it curves through their training."""

import math
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mlflow import MlflowClient

from plainres.analysis.results import SweepResults
from plainres.analysis.statistics import Interval
from plainres.analysis.stored_runs import histories
from plainres.analysis.trained import TrainedRun
from plainres.explain.inspection import Findings, network_at_start, training_batch
from plainres.explain.paired_seeds import (
    Cells,
    answer,
    arm_of,
    geometric_spread,
    network_table,
    plain_and_residual,
    points,
    ratio,
    spread,
    three_digits,
    times,
)
from plainres.names import LANDSCAPE, RISE, SHARPNESS
from plainres.probes import landscape, sharpness
from plainres.screen.drawn_seeds import draw_means
from plainres.screen.figure_style import MOST_COLUMNS, PAGE, by_arm, draw_legend, panels_in_rows, plain_style
from plainres.screen.table import TextTable
from plainres.settings.thresholds import MARGIN
from plainres.tracking.runs import log_metrics

NETWORK = ["arm", "depth", "seed"]
COMPARED = ("0.1", "0.5", "1")  # of the distances
DISTANCES = tuple(np.linspace(-1, 1, 21).round(2).tolist())
SIDE = tuple(np.linspace(-1, 1, 13).round(3).tolist())  # of the plane
HERE = LANDSCAPE + "here"  # the loss at the network itself
PROBED = 128  # images that the curvature is measured on, as in training
TICKS = (-1, -0.5, 0, 0.5, 1)
LOWEST, HIGHEST = 1e-4, 1e3  # losses that are drawn
STABLE = "stable up to 2 (1 + momentum) / lr"


class Around:
    """Measures the loss around each run of a sweep, and holds it in rows that begin with arm, depth and seed.

    Attributes:
        lines: direction, distance, and the loss there.
        plane: distances along the first and the second direction, and the loss there; of each network's first seed.
        curvature: epoch, and the largest eigenvalue of the Hessian then.
        stable: by run id, the eigenvalue up to which gradient descent is stable at the peak learning rate; NaN if it
            isn't SGD.
    """

    def __init__(self, results: SweepResults, images: int, directions: int) -> None:
        self.results, self.images, self.directions = results, images, directions
        self.lines: list[tuple[object, ...]] = []
        self.plane: list[tuple[object, ...]] = []
        self.curvature: list[tuple[object, ...]] = []
        self.stable: dict[str, float] = {}
        self.in_plane = set(results.runs.groupby(["arm", "depth"])["run_id"].first())

    def measure(self, run_id: str, run: TrainedRun) -> dict[str, float]:
        """Measure by distance how far the loss rises above that of the network: the median over directions, both ways.

        Every seed has directions of its own, which its plain and its residual network share up to the first projection.
        """
        batch, network = training_batch(run, self.images), (run.config.arm, run.config.depth, run.config.seed)
        drawn = self._directions(run)
        lines = np.array(
            [landscape.losses_along(run.network, batch, one, DISTANCES) for one in drawn[: self.directions]]
        )
        places = product(range(len(lines)), DISTANCES)
        self.lines += [(*network, *place, loss) for place, loss in zip(places, lines.flat, strict=True)]
        if run_id in self.in_plane:
            losses = landscape.losses_over(run.network, batch, (drawn[0], drawn[1]), SIDE)
            places = product(SIDE, SIDE)
            self.plane += [(*network, *place, loss) for place, loss in zip(places, losses.flat, strict=True)]
        self.curvature += [(*network, *at) for at in self._curvatures(run_id, run).items()]
        sgd = run.config.optimizer == "sgd"
        self.stable[run_id] = sharpness.stability_threshold(run.config.lr, run.config.momentum) if sgd else math.nan
        here = float(lines[0, DISTANCES.index(0.0)])
        both = {at: lines[:, [DISTANCES.index(at), DISTANCES.index(-at)]] for at in DISTANCES if at > 0}
        return {HERE: here, **{f"{RISE}{at:g}": float(np.median(losses) - here) for at, losses in both.items()}}

    def _directions(self, run: TrainedRun) -> list[landscape.Direction]:
        """Draw those of a run's seed, and two at least for the plane."""
        count = max(2, self.directions)
        return [landscape.random_direction(run.network, run.config.seed * count + number) for number in range(count)]

    def _curvatures(self, run_id: str, run: TrainedRun) -> dict[int, float]:
        """Read what the probe measured in training; else measure at start and end, and log it with the run."""
        client = MlflowClient(self.results.tracking_uri)
        known = histories(client, [run_id], SHARPNESS)[run_id]
        if known:
            return dict(sorted(known.items()))
        batch = training_batch(run, PROBED)
        found = {
            epoch: sharpness.measure(network, batch)[SHARPNESS]
            for epoch, network in ((0, network_at_start(run.config)), (run.config.epochs, run.network))
        }
        for epoch, value in found.items():
            log_metrics(client, run_id, {SHARPNESS: value}, epoch)
        return found


def findings(measured: pd.DataFrame, around: Around) -> Findings:
    """Make table, sentences and figures of what was measured."""
    lines = pd.DataFrame(around.lines, columns=[*NETWORK, "direction", "distance", "loss"])
    plane = pd.DataFrame(around.plane, columns=[*NETWORK, "first", "second", "loss"])
    curvature = pd.DataFrame(around.curvature, columns=[*NETWORK, "epoch", "value"])
    ends = curvature.groupby(NETWORK)["value"].agg(
        curvature_start=lambda values: values.iloc[0],  # "first" would pass over what is no number
        curvature_highest="max",
        curvature_end=lambda values: values.iloc[-1],
    )
    data = measured.join(ends, on=NETWORK).assign(stable=measured["run_id"].map(around.stable))
    figures = {"landscape": draw_lines(data, lines, curvature), "landscape-plane": draw_plane(plane)}
    drawn = {"lines": lines, "plane": plane, "curvature": curvature}
    return Findings("landscape", data, table(data), sentences(data), figures, drawn)


def table(data: pd.DataFrame) -> TextTable:
    """Lay out a row for each network."""
    cells: Cells = {
        "loss": (HERE, partial(spread, digits=3)),
        **{f"rise {distance}": (f"{RISE}{distance}", geometric_spread) for distance in ("0.3", "0.5")},
        "at start": ("curvature_start", geometric_spread),
        "highest": ("curvature_highest", geometric_spread),
        "at end": ("curvature_end", geometric_spread),
    }
    caption = (
        "Over seeds: the loss (nats) mean ± standard deviation, all else geometric mean ×/÷ the factor of one standard "
        "deviation. Rise of the loss at a distance along random directions whose filters have the network's norms, the "
        "median over directions, both ways; at start, highest, at end: largest eigenvalue of the Hessian."
    )
    return network_table(data, cells, caption)


def sentences(data: pd.DataFrame) -> list[str]:
    """Say for each depth how curvatures and rises of the first plain and the first residual arm compare."""
    return [
        f"Depth {depth}: {'; '.join([_start(*both), *_stability(*both), _around(*both)])}."
        for depth, *both in plain_and_residual(data)
    ]


def _start(plain: pd.DataFrame, residual: pd.DataFrame) -> str:
    """Say which starts at the sharper place."""
    sharper = ratio(plain, residual, "curvature_start")
    said = _answer(sharper, "plain starts at a sharper place", "plain starts at no sharper place")
    return f"the curvature at the start of {arm_of(plain)} is {times(sharper)} that of {arm_of(residual)}: {said}"


def _stability(plain: pd.DataFrame, residual: pd.DataFrame) -> list[str]:
    """Say how far above or below the threshold of stability both start and end, if all runs have the same."""
    thresholds = pd.concat([plain, residual])["stable"].unique()
    if len(thresholds) != 1 or not math.isfinite(thresholds[0]):
        return []
    bound = plain.assign(curvature_start=thresholds[0], curvature_end=thresholds[0])
    ends = (
        f"{arm_of(runs)} starts at {start} that and ends at {end} that"
        for runs in (plain, residual)
        for start, end in [[times(ratio(runs, bound, f"curvature_{when}")) for when in ("start", "end")]]
    )
    return [
        f"gradient descent is stable up to 2 (1 + momentum) / lr = {three_digits(thresholds[0])}; {', '.join(ends)}"
    ]


def _around(plain: pd.DataFrame, residual: pd.DataFrame) -> str:
    """Compare the loss around trained networks, if both fit their images: else they lie at other losses."""
    if max(runs["train_error"].max() for runs in (plain, residual)) > MARGIN:
        return (
            f"trained, they end at {points(plain['train_error'])} and {points(residual['train_error'])} % training "
            "error, so that the loss around them is not compared"
        )
    sharper = ratio(plain, residual, "curvature_end")
    said = _answer(sharper, "plain ends at a sharper place", "plain ends at no sharper place")
    rises = (times(ratio(plain, residual, f"{RISE}{distance}")) for distance in COMPARED)
    return (
        f"both fit their images, and the curvature at the end of plain is {times(sharper)} that of residual: {said}; "
        f"at distances of {', '.join(COMPARED)} the loss around plain rises {', '.join(rises)} as far"
    )


def _answer(factor: Interval | None, yes: str, no: str) -> str:
    return answer(factor, yes, no, 1) if factor else "two seeds, and values above 0, are needed to say more"


def draw_lines(data: pd.DataFrame, lines: pd.DataFrame, curvature: pd.DataFrame) -> Figure:
    """Draw, a row a depth, the loss along directions, one thin line each; and the curvature by epoch."""
    look, depths = by_arm(dict.fromkeys(data["arm"])), sorted(set(data["depth"]))
    lines = lines.assign(loss=_within(lines["loss"]))
    with plain_style():
        figure = Figure(figsize=(PAGE, 0.4 + 2.4 * len(depths)), layout="constrained")
        for depth, (left, right) in zip(
            depths, figure.subplots(len(depths), 2, squeeze=False, sharex="col"), strict=True
        ):
            for arm, runs in lines[lines["depth"] == depth].groupby("arm", sort=False):
                every = runs.pivot(index="distance", columns=["seed", "direction"], values="loss")
                left.plot(every, color=look["palette"][arm], linewidth=0.5, alpha=0.35)
                left.plot(np.exp(np.log(every).mean(axis="columns")), color=look["palette"][arm], linewidth=1.8)
            right.set_yscale("log")
            of_depth = curvature[(curvature["depth"] == depth) & (curvature["value"] > 0)]
            draw_means(right, of_depth, "epoch", "value", **look, markersize=4)
            for threshold in data.loc[data["depth"] == depth, "stable"].dropna().unique():
                right.axhline(threshold, color=".3", linestyle=":", linewidth=1.2, label=STABLE)
            left.set(yscale="log", ylabel=f"training loss (nats), depth {depth}")
            right.set(ylabel="largest eigenvalue")
        left.set_xlabel("distance along a filter-normalised direction")
        right.set_xlabel("epoch")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        draw_legend(figure, "left: directions (thin) and their means; right: means over seeds, and their range")
    return figure


def draw_plane(plane: pd.DataFrame) -> Figure:
    """Draw contours of the loss around each network of the first seed.

    seaborn's contours are those of densities, so matplotlib draws these.
    """
    networks = list(plane.assign(loss=_within(plane["loss"])).groupby(NETWORK, sort=False))
    with plain_style():
        figure, panels = panels_in_rows(len(networks), 3.0 if len(networks) < MOST_COLUMNS else 2.5)
        levels = np.logspace(np.log10(LOWEST), np.log10(HIGHEST), 15)
        for ((arm, depth, seed), losses), axes in zip(networks, panels, strict=True):
            shown = losses.pivot(index="second", columns="first", values="loss")
            filled = axes.contourf(SIDE, SIDE, shown, levels=levels, norm="log", cmap="viridis")
            axes.contour(SIDE, SIDE, shown, levels=levels, colors="white", linewidths=0.4)
            axes.plot(0, 0, "x", color="white", markersize=5)
            axes.set(aspect="equal", xticks=TICKS, yticks=TICKS)
            axes.grid(visible=False)
            name = f"{arm} {depth}".replace(":", ":\n")
            axes.set_title(f"{name}\nseed {seed}", parse_math=False)
        figure.supxlabel("first direction")
        figure.supylabel("second direction")
        figure.colorbar(
            filled, ax=panels, label="training loss (nats)", shrink=0.8, ticks=[10.0**p for p in range(-4, 4)]
        )
    return figure


def _within(losses: pd.Series) -> pd.Series:
    """Bring losses into what is drawn; what is no number lies above it."""
    return losses.fillna(HIGHEST).clip(LOWEST, HIGHEST)
