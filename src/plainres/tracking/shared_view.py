"""Makes the view of a sweep that MLflow's UI opens on: error by depth, and a curve a network with a band over seeds.

MLflow keeps such a view as a tag of the experiment. In it each network is a point at its depth: below a line of the
parent run MLflow's legend names every network. Errors by depth are metrics of the parent too, for its own page.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric

from plainres.names import (
    FINAL_TEST_ERROR,
    FINAL_TRAIN_ERROR,
    GENERATION_TAG,
    GRADIENT,
    INITIAL_GRADIENT,
    NETWORK_TAG,
    SETTINGS_TAG,
    TEST_ERROR_BY_DEPTH,
    TRAIN_ACCURACY,
    TRAIN_ERROR_BY_DEPTH,
    TRAIN_LOSS,
    VALIDATION_ACCURACY,
    VALIDATION_LOSS,
    VIEW_TAG,
)
from plainres.tracking.outages import making_once
from plainres.tracking.runs import log_batches

# Shown of each network. MLflow's charts can't show 1 - accuracy, so the accuracy stands for the error.
CURVES = (TRAIN_LOSS, TRAIN_ACCURACY, VALIDATION_ACCURACY, GRADIENT + "total", VALIDATION_LOSS)
COLUMNS = (f"tags.`{NETWORK_TAG}`", "tags.`arm`", "tags.`depth`", "tags.`seed`", *(
    f"metrics.`{name}`" for name in (FINAL_TRAIN_ERROR, FINAL_TEST_ERROR)
))  # fmt: skip
LONGEST_TAG = 5000  # characters, that MLflow takes of an experiment's tag
LONGEST_METRIC = 250  # characters, that MLflow keeps of a name
MOST_LAYERS = 60  # whose gradient norms are shown: more charts make the page slow

State = dict[str, Any]
Errors = Mapping[tuple[str, int], float]
"""By arm and depth."""


def view_name(tags: Mapping[str, str], params: Mapping[str, str]) -> str:
    """Name the view that a sweep's parent run is seen in; empty for one of before there were any.

    It tells the tag that the view's runs share, and unless they are those of one fresh sweep the family of their
    networks: depths of two don't belong on one axis. People's own views have other names.
    """
    if GENERATION_TAG in tags:
        return f"{GENERATION_TAG}-{tags[GENERATION_TAG]}"
    if SETTINGS_TAG not in tags:
        return ""
    return "-".join(filter(None, (SETTINGS_TAG, tags[SETTINGS_TAG], params.get("family"))))


def store_view(
    client: MlflowClient, experiment_id: str, name: str, arms: Sequence[str], depths: Sequence[int],
    layers: Sequence[str] = (),
) -> None:  # fmt: skip
    """Make a sweep's view, in place of the one of that name.

    Args:
        client: of the store.
        experiment_id: of the sweep.
        name: as `view_name` gives it.
        arms: of the sweep.
        depths: of the sweep.
        layers: of the deepest network, the first layer first, as far as they are known.
    """
    text = _packed(_state(name, arms, depths, layers))
    while len(text) > LONGEST_TAG:  # then only some of the networks are folded away, and fewer layers drawn
        arms, layers = arms[: len(arms) // 2], layers[: len(layers) // 2]
        text = _packed(_state(name, arms, depths, layers))
    making_once(lambda: client.set_experiment_tag(experiment_id, VIEW_TAG + name, text))


def depth_metric(prefix: str, arm: str) -> str:
    """Name an arm's metric by what MLflow takes: `plain:init=dirac,lr=0.1` is `plain:init dirac:lr 0.1`.

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
    log_batches(client, parent_run_id, metrics=metrics)


def _packed(state: State) -> str:
    text = json.dumps(state, separators=(",", ":"))
    return "deflate;" + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _state(name: str, arms: Sequence[str], depths: Sequence[int], layers: Sequence[str]) -> State:
    tag, value, *family = name.split("-", 2)
    networks = [f"{arm}-{depth}" for arm in arms for depth in depths]
    folded = (GRADIENT, INITIAL_GRADIENT, TRAIN_ERROR_BY_DEPTH, TEST_ERROR_BY_DEPTH)
    shown = {GRADIENT + layer for layer in _spread(layers)}
    return {
        "searchFilter": f"tags.{tag} = '{value}'" + "".join(f" AND params.family = '{each}'" for each in family),
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": NETWORK_TAG}],
        },
        # Each network's runs folded away; the sweep's parent, which is in no group, shown as itself.
        "groupsExpanded": {
            **{f"tag.{NETWORK_TAG}.{network}": False for network in networks},
            f"tag.{NETWORK_TAG}": True,
        },
        "runsHiddenMode": "SHOW_ALL",
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "selectedColumns": list(COLUMNS),
        "compareRunSections": [
            _section("sweep", "Error by depth", columns=2),
            _section("networks", "Training", columns=2),
            _section("layers", "Layers", display=False),
            # MLflow makes a chart of every metric that has none, in the section named as before its slash. Those of a
            # folded one aren't drawn.
            *(_section(metrics, metrics.rstrip("/"), display=False) for metrics in folded),
        ],
        "compareRunCharts": [
            *(_by_depth(metric) for metric in (FINAL_TRAIN_ERROR, FINAL_TEST_ERROR)),
            *(_curve(metric, "networks") for metric in CURVES),
            *(_curve(metric, "layers") for metric in sorted(shown)),
        ],
    }  # fmt: skip


def _section(uuid: str, name: str, *, columns: int = 3, display: bool = True) -> State:
    return {
        "uuid": uuid, "name": name, "columns": columns, "display": display, "deleted": False, "isReordered": False,
        "isGenerated": False,
    }  # fmt: skip


def _by_depth(metric: str) -> State:
    """Make a chart of the networks' means over seeds, each a point at its depth."""
    return {
        "uuid": f"sweep {metric}", "type": "SCATTER", "metricSectionId": "sweep", "isGenerated": False,
        "xaxis": {"key": "depth", "type": "PARAM"}, "yaxis": {"key": metric, "type": "METRIC"}, "deleted": False,
    }  # fmt: skip


def _curve(metric: str, section: str) -> State:
    return {
        "uuid": f"{section} {metric}", "type": "LINE", "metricSectionId": section, "metricKey": metric,
        "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True, "isGenerated": False, "deleted": False,
    }  # fmt: skip


def _spread(layers: Sequence[str]) -> list[str]:
    """At most `MOST_LAYERS` of them, evenly spread, the first and the last among them."""
    if len(layers) <= MOST_LAYERS:
        return list(layers)
    return [layers[round(index * (len(layers) - 1) / (MOST_LAYERS - 1))] for index in range(MOST_LAYERS)]
