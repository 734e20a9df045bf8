"""Reads a sweep's results out of MLflow as pandas tables."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from plainres.analysis.stored_runs import StoredRun, histories, stored_run, stored_runs
from plainres.data.catalogue import CATALOGUE
from plainres.errors import BadInput
from plainres.names import (
    COMMIT_TAG,
    DIVERGED_TAG,
    FINAL_EPOCHS_TO_10,
    FINAL_SECONDS,
    FINAL_TEST_ERROR,
    FINAL_TEST_LOSS,
    FINAL_TRAIN_ERROR,
    FINAL_TRAIN_LOSS,
    GRADIENT,
    INITIAL_GRADIENT,
    LEARNING_RATE,
    PROCESSOR_TAG,
    REPORT_TAG,
    SETTINGS_TAG,
    TRAIN_ACCURACY,
    TRAIN_LOSS,
    VALIDATION_ACCURACY,
    VALIDATION_LOSS,
)
from plainres.settings.thresholds import is_learnt
from plainres.sweeps.arms import arms_in
from plainres.sweeps.tuned import from_params, tuned_settings
from plainres.tracking.artifacts import place_of_files
from plainres.tracking.parents import members_of
from plainres.tracking.runs import whole_params
from plainres.tracking.shared_view import view_name
from plainres.tracking.store import tracking_uri as default_uri

CURVES = (TRAIN_LOSS, VALIDATION_LOSS, TRAIN_ACCURACY, VALIDATION_ACCURACY, LEARNING_RATE)
SPLITS = {TRAIN_ACCURACY: "training", VALIDATION_ACCURACY: "validation"}  # whose errors are drawn by epoch
FINAL = {
    "train_error": FINAL_TRAIN_ERROR,
    "test_error": FINAL_TEST_ERROR,
    "train_loss": FINAL_TRAIN_LOSS,
    "test_loss": FINAL_TEST_LOSS,
}
TOTAL = "total"  # of all parameters, beside the layers
LAST_LAYER = "fc"
IDENTITY = ("arm", "variant", "depth", "seed")
RESULTS = (
    *IDENTITY, *FINAL, "gradient_ratio", "gradient_growth", "epochs_to_10", "diverged", "seconds", "processor",
    "commit", "run_id",
)  # fmt: skip
GRADIENTS = (*IDENTITY, "layer", "position", "when", "norm")

Row = dict[str, Any]
Norms = dict[str, float]


@dataclass(frozen=True)
class SweepResults:
    """Holds what a sweep's parent run and its members have.

    Attributes:
        params: what was asked for, as the parent run's parameters.
        runs: a row for each finished run: arm, variant, depth, seed, train_error, test_error, train_loss, test_loss,
            gradient_ratio (first over last layer at initialisation), gradient_growth (factor a layer, towards the
            input, at initialisation), epochs_to_10 (first epoch with a training error of at most 10 %), diverged,
            seconds, processor and commit (that it was trained by; several, as `one, then two`, where it went on
            by another; empty where that's unknown), run_id. Errors are in [0, 1]; what a run lacks or never reached is
            NaN. In a tuned sweep the tuned settings of each run stand beside.
        gradients: a row for each run, layer of the main path and time: arm, variant, depth, seed, layer, position (0
            first to 1 last), when (`initialisation` or `end`, the last epoch), norm.
        missing: names of the runs that were asked for and aren't finished, or were deleted.
        folder: where the parent run's files lie, the report among them: a path on this machine, else a URI.
        looks: the numbers of seeds over which verdicts on the same networks were given before.
        view: the name of the sweep's shared view in MLflow's UI, empty for one of before there were any.
    """

    tracking_uri: str
    experiment_id: str
    parent_run_id: str
    params: dict[str, str]
    runs: pd.DataFrame
    gradients: pd.DataFrame
    missing: tuple[str, ...]
    folder: str = field(default="", kw_only=True)
    view: str = field(default="", kw_only=True)
    looks: tuple[int, ...] = field(default=(), kw_only=True)

    @property
    def arms(self) -> tuple[str, ...]:
        """List the arms asked for, in that order."""
        return arms_in(self.params)

    @property
    def depths(self) -> tuple[int, ...]:
        """List the depths asked for, shallowest first."""
        return tuple(sorted(map(int, self.params["depths"].split())))

    @property
    def seeds(self) -> tuple[int, ...]:
        """List the seeds asked for."""
        return tuple(map(int, self.params["seeds"].split()))

    @property
    def classes(self) -> int | None:
        """Count the classes of the images; None where only their files tell."""
        dataset = self.params.get("dataset", "")
        return CATALOGUE[dataset].num_classes if dataset in CATALOGUE else None


def read_sweep(parent_run_id: str, tracking_uri: str | None = None) -> SweepResults:
    """Read a sweep back by the id of its parent run, from MLFLOW_TRACKING_URI or mlflow.db here by default.

    Raises:
        BadInput: there is no such run, it was deleted, or it is no sweep's parent.
    """
    uri = tracking_uri or default_uri()
    parent = stored_run(uri, parent_run_id)
    params = whole_params(parent.data.params)
    if not arms_in(params):
        above = parent.data.tags.get("mlflow.parentRunId")
        hint = f"; its parent, {above}, may be" if above else ""
        raise BadInput(f"run {parent_run_id} is no sweep's parent run{hint}")
    client = MlflowClient(tracking_uri=uri)
    members = members_of(parent.data.tags)
    asked: dict[str, Row] = {
        f"{arm}-{depth}-seed{seed}": {
            "arm": arm, "variant": variant_of(arm), "depth": int(depth), "seed": int(seed),
        }
        for arm, depth, seed in product(arms_in(params), params["depths"].split(), params["seeds"].split())
    }  # fmt: skip
    found = stored_runs(client, parent.info.experiment_id, [members[name] for name in asked if name in members])
    runs = {name: found[members[name]] for name in asked if members.get(name) in found}
    at_start = _norms_at_initialisation(client, list(found.values()))
    first_epochs = _epochs_to_10(client, list(found.values()))
    tuned = tuned_settings(from_params(params), list(map(int, params["seeds"].split())))
    return SweepResults(
        tracking_uri=uri,
        experiment_id=parent.info.experiment_id,
        parent_run_id=parent_run_id,
        params=params,
        runs=pd.DataFrame(
            [
                {
                    **asked[name],
                    **_result(run, at_start[run.run_id], first_epochs[run.run_id]),
                    **tuned.get((asked[name]["arm"], asked[name]["depth"], asked[name]["seed"]), {}),
                }
                for name, run in runs.items()
            ],
            columns=list(dict.fromkeys((*RESULTS, *(name for values in tuned.values() for name in values)))),
        ),
        gradients=pd.DataFrame(
            [{**asked[name], **row} for name, run in runs.items() for row in _gradient_rows(run, at_start[run.run_id])],
            columns=list(GRADIENTS),
        ),
        missing=tuple(name for name in asked if name not in runs),
        folder=str(place_of_files(uri, parent)),
        view=view_name(parent.data.tags, params),
        looks=_earlier_looks(client, parent, params),
    )


def first_of_each_variant(arms: Sequence[str]) -> tuple[str, str]:
    """Name the first plain and the first residual arm, which a verdict is about; empty where there is none."""
    plain, residual = (
        next((arm for arm in arms if variant_of(arm) == variant), "") for variant in ("plain", "residual")
    )
    return plain, residual


def _earlier_looks(client: MlflowClient, parent: Run, params: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers of seeds of sweeps begun before that judge the same networks by some of these seeds, and no more."""

    def asked(params: Mapping[str, str]) -> tuple[tuple[str, str], int, int]:
        depths = [int(depth) for depth in params["depths"].split()]
        return first_of_each_variant(arms_in(params)), min(depths), max(depths)

    settings = parent.data.tags.get(SETTINGS_TAG)
    if not settings:
        return ()
    own, looks = set(params["seeds"].split()), []
    for other in client.search_runs(
        [parent.info.experiment_id], f"tags.{SETTINGS_TAG} = '{settings}' AND tags.{REPORT_TAG} LIKE '%'"
    ):
        of_other = whole_params(other.data.params)
        seeds = set(of_other.get("seeds", "").split())
        is_earlier = other.info.start_time < parent.info.start_time and len(seeds) <= len(own)
        if is_earlier and seeds & own and seeds != own and asked(of_other) == asked(params):
            looks.append(len(seeds))
    return tuple(looks)


def load_curves(results: SweepResults) -> pd.DataFrame:
    """Read a row for each run and epoch: arm, variant, depth, seed, epoch and the metrics of `CURVES`."""
    client = MlflowClient(results.tracking_uri)
    run_ids = list(results.runs["run_id"])
    values = {metric: histories(client, run_ids, metric) for metric in CURVES}
    identities = results.runs.set_index("run_id")[list(IDENTITY)].to_dict("index")
    rows = [
        {
            **identities[run_id],
            "epoch": epoch,
            **{metric: of_runs[run_id].get(epoch, math.nan) for metric, of_runs in values.items()},
        }
        for run_id in run_ids
        for epoch in sorted(set().union(*(of_runs[run_id] for of_runs in values.values())))
    ]
    return pd.DataFrame(rows, columns=[*IDENTITY, "epoch", *CURVES])


def variant_of(arm: str) -> str:
    """Take an arm's variant from its name, as `plain` of `plain:lr=0.01`."""
    return arm.partition(":")[0]


def epochs_to_target(accuracies: Mapping[int, float]) -> float:
    """Find the first epoch whose training error is at most 10 %; NaN where none is.

    Args:
        accuracies: training accuracy in [0, 1] by epoch.
    """
    return next((float(epoch) for epoch, accuracy in sorted(accuracies.items()) if is_learnt(1 - accuracy)), math.nan)


def gradient_growth(norms: Sequence[float]) -> float:
    """Fit over all layers the factor by which the gradient's norm grows from a layer to the one before it.

    With batch norm and without shortcuts it stays above 1, so that gradients explode with depth (Yang et al. 2019, "A
    mean field theory of batch normalization"). It is e to the power of the negative slope of the log norm over the
    layers' positions.

    Args:
        norms: of the main path's layers, the first one first; those that are zero or not finite are left out.

    Returns:
        Where fewer than two norms are left, infinity if one is infinite, and else NaN.
    """
    values = np.asarray(norms, float)
    usable = np.isfinite(values) & (values > 0)
    if usable.sum() < 2:
        return math.inf if np.isinf(values).any() else math.nan
    spread, common = np.cov(np.flatnonzero(usable), np.log(values[usable]), bias=True)[0]
    with np.errstate(over="ignore"):
        return float(np.exp(-common / spread))


def _result(run: StoredRun, norms: Norms, epochs_to_10: float) -> Row:
    values = list(norms.values())
    return {
        **{name: run.latest(metric) for name, metric in FINAL.items()},
        "gradient_ratio": values[0] / values[-1] if values and values[-1] else math.nan,
        "gradient_growth": gradient_growth(values),
        "epochs_to_10": epochs_to_10,
        "diverged": DIVERGED_TAG in run.tags,
        "seconds": run.latest(FINAL_SECONDS),
        "processor": run.tags.get(PROCESSOR_TAG, ""),
        "commit": run.tags.get(COMMIT_TAG, ""),
        "run_id": run.run_id,
    }


def _epochs_to_10(client: MlflowClient, runs: list[StoredRun]) -> dict[str, float]:
    """Take the epoch that runs have noted; of those that haven't, or never came so far, find it in their accuracies."""
    known = {run.run_id: run.latest(FINAL_EPOCHS_TO_10) for run in runs}
    accuracies = histories(client, [run_id for run_id, epoch in known.items() if math.isnan(epoch)], TRAIN_ACCURACY)
    return known | {run_id: epochs_to_target(of_run) for run_id, of_run in accuracies.items()}


def _gradient_rows(run: StoredRun, at_start: Norms) -> list[Row]:
    layers = list(at_start) or _layers(run, GRADIENT)
    return [
        {"layer": layer, "position": index / max(1, len(layers) - 1), "when": when, "norm": norm}
        for index, layer in enumerate(layers)
        for when, norm in (
            ("initialisation", at_start.get(layer, math.nan)),
            ("end", run.latest(GRADIENT + layer)),
        )
    ]


def _norms_at_initialisation(client: MlflowClient, runs: list[StoredRun]) -> dict[str, Norms]:
    """Read the norms of each run's main-path layers, the first layer first."""
    norms = {
        run.run_id: {layer: run.latest(INITIAL_GRADIENT + layer) for layer in _layers(run, INITIAL_GRADIENT)}
        for run in runs
    }
    # Runs of before have them at step 0 of the norms in training only.
    earlier = {run.run_id: _layers(run, GRADIENT) for run in runs if not norms[run.run_id]}
    for layer in {layer: None for layers in earlier.values() for layer in layers}:
        having = [run_id for run_id, layers in earlier.items() if layer in layers]
        for run_id, history in histories(client, having, GRADIENT + layer).items():
            norms[run_id][layer] = history.get(0, math.nan)
    return {
        run_id: dict(sorted(of_run.items(), key=lambda item: _layer_order(item[0]))) for run_id, of_run in norms.items()
    }


def _layers(run: StoredRun, prefix: str) -> list[str]:
    """List the main path's layers, as a run's metrics of this prefix name them."""
    names = [name.removeprefix(prefix) for name in run.metrics if name.startswith(prefix)]
    return sorted((name for name in names if name != TOTAL and "downsample" not in name), key=_layer_order)


def _layer_order(layer: str) -> tuple[bool, list[int]]:
    """Sort `conv1` first, `layer2.10.conv1` after `layer2.9.conv2`, and the classifier last."""
    return layer == LAST_LAYER, [int(number) for number in re.findall(r"\d+", layer)]
