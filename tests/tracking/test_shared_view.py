import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from mlflow import MlflowClient

from plainres.tracking.shared_view import store_view, view_name

TAG = "mlflow.sharedViewState."
MOST_CHARACTERS = 5000  # that MLflow keeps of an experiment's tag


@pytest.fixture
def experiment(store: str) -> tuple[MlflowClient, str]:
    client = MlflowClient(store)
    return client, client.create_experiment("somewhere", tags={f"{TAG}mine": "what a person has saved"})


def stored(
    experiment: tuple[MlflowClient, str], name: str, arms: Sequence[str], layers: Sequence[str] = ()
) -> dict[str, Any]:
    client, experiment_id = experiment
    store_view(client, experiment_id, name, arms, (18, 34), layers)
    text = client.get_experiment(experiment_id).tags[TAG + name]
    assert text.startswith("deflate;")
    assert len(text) <= MOST_CHARACTERS
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))
    return state


def test_a_view_shows_the_runs_that_share_the_settings_of_the_sweep() -> None:
    of_family = {"family": "three-stage", "width": "16"}
    assert view_name({"settings_hash": "0123", "arm": "plain"}, of_family) == "settings_hash-0123-three-stage"
    assert view_name({"settings_hash": "0123", "generation": "abc"}, of_family) == "generation-abc"
    assert view_name({}, of_family) == ""


def test_families_of_depths_have_views_of_their_own(experiment: tuple[MlflowClient, str]) -> None:
    client, experiment_id = experiment
    runs = {
        family: client.create_run(experiment_id, tags={"settings_hash": "0123"}).info.run_id
        for family in ("four-stage", "three-stage")
    }
    for family, run_id in runs.items():
        client.log_param(run_id, "family", family)
    for family, run_id in runs.items():
        shown = stored(experiment, f"settings_hash-0123-{family}", ("plain",))["searchFilter"]
        assert [run.info.run_id for run in client.search_runs([experiment_id], shown)] == [run_id]


def test_a_view_is_made_anew_and_a_persons_own_is_left_alone(experiment: tuple[MlflowClient, str]) -> None:
    first = stored(experiment, "settings_hash-0123", ("plain",))
    second = stored(experiment, "settings_hash-0123", ("plain", "residual:shortcut=C"))
    assert first["searchFilter"] == second["searchFilter"] == "tags.settings_hash = '0123'"
    assert "tag.name.residual:shortcut=C-34" in second["groupsExpanded"].keys() - first["groupsExpanded"].keys()
    client, experiment_id = experiment
    assert client.get_experiment(experiment_id).tags[f"{TAG}mine"] == "what a person has saved"
    assert client.search_runs([experiment_id], second["searchFilter"]) == []  # which MLflow can read


def test_a_view_of_very_many_arms_folds_some_of_them_away(experiment: tuple[MlflowClient, str]) -> None:
    arms = [f"plain:lr={lr**2 * 7919 % 104729 / 1e5},momentum={lr**3 * 7919 % 99991 / 1e5}" for lr in range(1, 500)]
    folded = stored(experiment, "settings_hash-0123", arms)["groupsExpanded"]
    assert 20 < len(folded) < 2 * len(arms)  # networks


@pytest.mark.parametrize(("layers", "shown"), [(0, 0), (60, 60), (61, 60), (1202, 60)])
def test_at_most_sixty_layers_are_shown(experiment: tuple[MlflowClient, str], layers: int, shown: int) -> None:
    names = [f"layer1.{index}.conv1" for index in range(layers)]
    arms = [f"plain:init=dirac,init_share={share / 100}" for share in range(12)]
    state = stored(experiment, "generation-" + "0" * 32, arms, names)
    metrics = [chart["metricKey"] for chart in state["compareRunCharts"] if chart["metricSectionId"] == "layers"]
    assert len(set(metrics)) == len(metrics) == shown
    if layers:
        assert {f"grad_norm/{names[0]}", f"grad_norm/{names[-1]}"} <= set(metrics)
