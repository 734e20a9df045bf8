"""Measures how the loss lies around trained networks, and how sharply it curves through their training."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mlflow import MlflowClient

from plainres.analysis.results import SweepResults
from plainres.analysis.stored_runs import histories
from plainres.analysis.trained import TrainedRun
from plainres.explain.inspection import Findings, network_at_start, training_batch
from plainres.explain.paired_seeds import (
    Cells,
    answer,
    arm_of,
    difference,
    network_table,
    plain_and_residual,
    spread,
    spread_of_any_size,
)
from plainres.names import LANDSCAPE, SHARPNESS
from plainres.probes import landscape, sharpness
from plainres.screen.drawn_seeds import draw_means
from plainres.screen.figure_style import MOST_COLUMNS, PAGE, by_arm, draw_legend, panels_in_rows, plain_style
from plainres.screen.table import TextTable
from plainres.tracking.runs import log_metrics

DISTANCES = tuple(np.linspace(-1, 1, 21).round(2).tolist())
SIDE = tuple(np.linspace(-1, 1, 13).round(3).tolist())  # of the plane
HERE = LANDSCAPE + "here"  # the loss at the network itself
PROBED = 128  # images that the curvature is measured on, as in training
TICKS = (-1, -0.5, 0, 0.5, 1)
LOWEST, HIGHEST = 1e-4, 1e3  # losses that are drawn


class Around:
    """Measures the loss around each run of a sweep, and holds it by run id.

    Attributes:
        lines: losses along random directions, (directions, distances).
        planes: losses over two random directions, (distances, distances), for the first seed at the deepest depth.
        curvature: the largest eigenvalue of the Hessian by epoch.
    """

    def __init__(self, results: SweepResults, images: int, directions: int) -> None:
        self.results, self.images, self.directions = results, images, directions
        self.lines: dict[str, np.ndarray] = {}
        self.planes: dict[str, np.ndarray] = {}
        self.curvature: dict[str, dict[int, float]] = {}
        deepest = results.runs[results.runs["depth"] == results.runs["depth"].max()]
        self.in_planes = set(deepest.groupby("arm")["run_id"].first())

    def measure(self, run_id: str, run: TrainedRun) -> dict[str, float]:
        """Measure by distance how far the loss rises above that of the network, the mean over directions."""
        batch = training_batch(run, self.images)
        drawn = [landscape.random_direction(run.network, seed) for seed in range(max(2, self.directions))]
        lines = np.array(
            [landscape.losses_along(run.network, batch, one, DISTANCES) for one in drawn[: self.directions]]
        )
        self.lines[run_id] = lines
        if run_id in self.in_planes:
            self.planes[run_id] = landscape.losses_over(run.network, batch, (drawn[0], drawn[1]), SIDE)
        self.curvature[run_id] = self._curvatures(run_id, run)
        here = float(lines[0, DISTANCES.index(0.0)])
        rises = dict(zip(DISTANCES, lines.mean(axis=0) - here, strict=True))
        return {HERE: here, **{f"{LANDSCAPE}{at:g}": float(rise) for at, rise in rises.items() if at}}

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
    by_epoch = [list(around.curvature[run_id].values()) for run_id in measured["run_id"]]
    data = measured.assign(
        curvature_start=[values[0] for values in by_epoch],
        curvature_highest=[max(values) for values in by_epoch],
        curvature_end=[values[-1] for values in by_epoch],
    )
    figures = {
        "landscape": draw_lines(data, around.lines, around.curvature),
        "landscape-plane": draw_planes(data, around.planes),
    }
    return Findings("landscape", data, table(data), sentences(data), figures)


def table(data: pd.DataFrame) -> TextTable:
    """Lay out a row for each network."""
    cells: Cells = {
        "loss": (HERE, partial(spread, digits=3)),
        **{f"rise {distance}": (f"{LANDSCAPE}{distance}", spread_of_any_size) for distance in ("0.3", "0.5")},
        "at start": ("curvature_start", spread_of_any_size),
        "highest": ("curvature_highest", spread_of_any_size),
        "at end": ("curvature_end", spread_of_any_size),
    }
    caption = (
        "Mean ± standard deviation over seeds. Rise of the loss (nats) at a distance along random directions whose "
        "filters have the network's norms, the mean over directions; at start, highest, at end: largest eigenvalue of "
        "the Hessian."
    )
    return network_table(data, cells, caption)


def sentences(data: pd.DataFrame) -> list[str]:
    """Say for each depth how rises and curvatures of the first plain and the first residual arm compare."""
    found, rise = [], f"{LANDSCAPE}0.5"
    for depth, plain, residual in plain_and_residual(data):
        higher, lower = (runs.assign(log=np.log10(runs["curvature_start"])) for runs in (plain, residual))
        gap = difference(higher, lower, "log")
        said = answer(gap, "plain starts at a sharper place", "plain starts at no sharper place", 0)
        powers = [] if gap is None else [10**power for power in (gap.mean, gap.low, gap.high)]
        factors = " (curvature by a factor of {:.3g}, 95 % interval {:.3g} to {:.3g})".format(*powers) if powers else ""
        found.append(
            f"Depth {depth}: {said}{factors}; at distance 0.5 from the trained network the loss rises by "
            f"{spread_of_any_size(plain[rise])} in {arm_of(plain)} and by {spread_of_any_size(residual[rise])} in "
            f"{arm_of(residual)}."
        )
    return found


def draw_lines(
    data: pd.DataFrame, lines: Mapping[str, np.ndarray], curvature: Mapping[str, Mapping[int, float]]
) -> Figure:
    """Draw of the deepest networks the loss along directions, one thin line each; and the curvature by epoch."""
    chosen = data[data["depth"] == data["depth"].max()]
    chosen = chosen.assign(network=[f"{run['arm']} {run['depth']}" for _, run in chosen.iterrows()])
    look = by_arm(chosen["network"].unique(), "network")
    values = pd.DataFrame({run_id: curvature[run_id] for run_id in chosen["run_id"]}).rename_axis("epoch")
    values = values.melt(var_name="run_id", ignore_index=False).reset_index().merge(chosen[["run_id", "network"]])
    with plain_style():
        figure = Figure(figsize=(PAGE, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for network, runs in chosen.groupby("network", sort=False):  # arrays, which seaborn would want as long tables
            every = np.concatenate([lines[run_id] for run_id in runs["run_id"]]).clip(LOWEST, HIGHEST)
            left.plot(DISTANCES, every.T, color=look["palette"][network], linewidth=0.5, alpha=0.35)
            left.plot(DISTANCES, np.exp(np.log(every).mean(axis=0)), color=look["palette"][network], linewidth=1.8)
        right.set_yscale("log")
        draw_means(right, values[values["value"] > 0], "epoch", "value", **look, markersize=4)
        left.set(yscale="log", xlabel="distance along a filter-normalised direction", ylabel="training loss (nats)")
        right.set(xlabel="epoch", ylabel="largest eigenvalue of the Hessian")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        draw_legend(figure)
    return figure


def draw_planes(data: pd.DataFrame, planes: Mapping[str, np.ndarray]) -> Figure:
    """Draw contours of the loss around one network of each arm at the deepest depth, the first seed's.

    seaborn's contours are those of densities, so matplotlib draws these.
    """
    chosen = data[data["run_id"].isin(list(planes))]
    with plain_style():
        figure, panels = panels_in_rows(len(chosen), 3.0 if len(chosen) < MOST_COLUMNS else 2.5)
        levels = np.logspace(np.log10(LOWEST), np.log10(HIGHEST), 15)
        for (_, run), axes in zip(chosen.iterrows(), panels, strict=True):
            shown = np.nan_to_num(planes[run["run_id"]], nan=HIGHEST, posinf=HIGHEST).clip(LOWEST, HIGHEST).T
            filled = axes.contourf(SIDE, SIDE, shown, levels=levels, norm="log", cmap="viridis")
            axes.contour(SIDE, SIDE, shown, levels=levels, colors="white", linewidths=0.4)
            axes.plot(0, 0, "x", color="white", markersize=5)
            axes.set(aspect="equal", xticks=TICKS, yticks=TICKS)
            axes.grid(visible=False)
            name = f"{run['arm']} {run['depth']}".replace(":", ":\n")
            axes.set_title(f"{name}\nseed {run['seed']}", parse_math=False)
        figure.supxlabel("first direction")
        figure.supylabel("second direction")
        figure.colorbar(
            filled, ax=panels, label="training loss (nats)", shrink=0.8, ticks=[10.0**p for p in range(-4, 4)]
        )
    return figure
