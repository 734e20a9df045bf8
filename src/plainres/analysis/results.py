"""A sweep's results out of MLflow as pandas tables."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from plainres.errors import BadInput
from plainres.tracking.params import whole_params
from plainres.tracking.parents import members_of
from plainres.tracking.store import tracking_uri as default_uri

CURVES = ("loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "learning_rate")
FINAL = ("train_error", "test_error", "train_loss", "test_loss")
GRADIENT = "grad_norm/"
FIRST_LAYER = "conv1"
LAST_LAYER = "fc"
IDENTITY = ("variant", "depth", "seed")
RESULTS = (*IDENTITY, *FINAL, "gradient_ratio", "seconds", "run_id")
GRADIENTS = (*IDENTITY, "layer", "position", "when", "norm")
REQUESTS_AT_ONCE = 8

Row = dict[str, Any]


@dataclass(frozen=True)
class SweepResults:
    """What a sweep's parent run and its members hold.

    Attributes:
        params: what was asked for, as the parent run's parameters.
        commit: the code's, empty where it's unknown.
        runs: a row for each finished run: variant, depth, seed, train_error, test_error, train_loss, test_loss,
            gradient_ratio (first over last layer at initialisation), seconds, run_id. Errors are in [0, 1].
        missing: names of the runs that were asked for and aren't finished.
    """

    tracking_uri: str
    experiment_id: str
    parent_run_id: str
    params: dict[str, str]
    commit: str
    runs: pd.DataFrame
    missing: tuple[str, ...]

    def asked(self, what: str) -> list[str]:
        """The `variants`, `depths` or `seeds` that were asked for."""
        return self.params[what].split()


def load_sweep(parent_run_id: str, tracking_uri: str | None = None) -> SweepResults:
    """Read a sweep back by the id of its parent run, from MLFLOW_TRACKING_URI or mlflow.db here by default.

    Raises:
        BadInput: the run is no sweep's parent.
    """
    uri = tracking_uri or default_uri()
    client = MlflowClient(tracking_uri=uri)
    parent = client.get_run(parent_run_id)
    params = whole_params(parent.data.params)
    if "variants" not in params:
        above = parent.data.tags.get("mlflow.parentRunId")
        hint = f"; its parent, {above}, may be" if above else ""
        raise BadInput(f"run {parent_run_id} is no sweep's parent run{hint}")
    members = members_of(parent.data.tags)
    asked = [
        f"{variant}-{depth}-seed{seed}"
        for variant, depth, seed in product(*(params[name].split() for name in ("variants", "depths", "seeds")))
    ]
    return SweepResults(
        tracking_uri=uri,
        experiment_id=parent.info.experiment_id,
        parent_run_id=parent_run_id,
        params=params,
        commit=parent.data.tags.get("commit", ""),
        runs=_rows_of_runs(client, [members[name] for name in asked if name in members], _result_rows, RESULTS),
        missing=tuple(name for name in asked if name not in members),
    )


def load_curves(results: SweepResults) -> pd.DataFrame:
    """A row for each run and epoch: variant, depth, seed, epoch and the metrics of `CURVES`."""
    return _rows_of_runs(
        MlflowClient(results.tracking_uri), results.runs["run_id"], _curve_rows, (*IDENTITY, "epoch", *CURVES)
    )


def load_gradients(results: SweepResults) -> pd.DataFrame:
    """A row for each run, layer and time: variant, depth, seed, layer, position (0 first to 1 last), when, norm.

    Layers are those of the main path; `when` is `initialisation` or `end` (the last epoch).
    """
    return _rows_of_runs(MlflowClient(results.tracking_uri), results.runs["run_id"], _gradient_rows, GRADIENTS)


def _rows_of_runs(
    client: MlflowClient,
    run_ids: Iterable[str],
    rows: Callable[[MlflowClient, Run], list[Row]],
    columns: tuple[str, ...],
) -> pd.DataFrame:
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        tables = threads.map(lambda run_id: rows(client, client.get_run(run_id)), run_ids)
        return pd.DataFrame([row for table in tables for row in table], columns=list(columns))


def _identity(run: Run) -> Row:
    return {
        "variant": run.data.tags["variant"],
        "depth": int(run.data.tags["depth"]),
        "seed": int(run.data.tags["seed"]),
    }


def _result_rows(client: MlflowClient, run: Run) -> list[Row]:
    first, last = (_norm_at_initialisation(client, run, layer) for layer in (FIRST_LAYER, LAST_LAYER))
    return [
        {
            **_identity(run),
            **{name: run.data.metrics[f"final/{name}"] for name in FINAL},
            "gradient_ratio": first / last if last else float("nan"),
            "seconds": run.data.metrics["final/seconds"],
            "run_id": run.info.run_id,
        }
    ]


def _curve_rows(client: MlflowClient, run: Run) -> list[Row]:
    histories = {
        metric: {entry.step: entry.value for entry in client.get_metric_history(run.info.run_id, metric)}
        for metric in CURVES
    }
    return [
        {**_identity(run), "epoch": epoch, **{metric: history[epoch] for metric, history in histories.items()}}
        for epoch in sorted(histories["loss/train"])
    ]


def _gradient_rows(client: MlflowClient, run: Run) -> list[Row]:
    names = [name.removeprefix(GRADIENT) for name in run.data.metrics if name.startswith(GRADIENT)]
    layers = sorted((name for name in names if name != "total" and "downsample" not in name), key=_layer_order)
    rows = []
    for index, layer in enumerate(layers):
        norms = {
            "initialisation": _norm_at_initialisation(client, run, layer),
            "end": run.data.metrics[GRADIENT + layer],
        }
        position = index / (len(layers) - 1)
        rows += [
            {**_identity(run), "layer": layer, "position": position, "when": when, "norm": norm}
            for when, norm in norms.items()
        ]
    return rows


def _norm_at_initialisation(client: MlflowClient, run: Run, layer: str) -> float:
    history = client.get_metric_history(run.info.run_id, GRADIENT + layer)
    return next(entry.value for entry in history if entry.step == 0)


def _layer_order(layer: str) -> tuple[bool, list[int]]:
    """Sorts `conv1` first, `layer2.10.conv1` after `layer2.9.conv2`, and the classifier last."""
    return layer == LAST_LAYER, [int(number) for number in re.findall(r"\d+", layer)]
