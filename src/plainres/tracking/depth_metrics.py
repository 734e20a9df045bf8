"""Errors by depth as metrics of a sweep's parent run, so that MLflow's chart of it is the degradation figure."""

import hashlib
from collections.abc import Mapping
from functools import partial

from mlflow import MlflowClient
from mlflow.entities import Metric

from plainres.tracking.outages import making_once

LONGEST_METRIC = 250  # characters, that MLflow keeps of a name

Errors = Mapping[tuple[str, int], float]
"""By arm and depth."""


def depth_metric(prefix: str, arm: str) -> str:
    """The metric's name for an arm, made of what MLflow takes: `plain:init=dirac,lr=0.1` is `plain:init dirac:lr 0.1`.

    No two arms share one: in an arm's name `:` stands once and no blank before the first `=` of a setting.
    """
    name = prefix + arm.replace(",", ":").replace("=", " ").replace("+", "")  # 1e+20 is the same as 1e20
    if len(name) <= LONGEST_METRIC:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_METRIC - len(digest) - 1]} {digest}"


def log_by_depth(client: MlflowClient, parent_run_id: str, errors: Mapping[str, Errors]) -> None:
    """Log errors in [0, 1], by what their metrics begin with, with the depth as step; again has no effect."""
    when = client.get_run(parent_run_id).info.start_time  # MLflow keeps once what comes twice with the same time
    metrics = [
        Metric(depth_metric(prefix, arm), error, when, depth)
        for prefix, of_networks in errors.items()
        for (arm, depth), error in of_networks.items()
    ]
    for start in range(0, len(metrics), 1000):
        making_once(partial(client.log_batch, parent_run_id, metrics=metrics[start : start + 1000]))
