import pytest
from mlflow import MlflowClient

from plainres.sweeps.arms import parse_arm
from plainres.tracking.shared_view import depth_metric, log_by_depth

ARMS = ("plain", "residual:shortcut=C", "plain:init=dirac,lr=0.01", "plain:lr=1e+20", "plain:probes=lesion sharpness")
LONG = parse_arm("plain:" + ",".join(
    f"{name}={value}" for name, value in {
        "augment": "crop-flip", "batch_size": 12345, "block": "pre", "conv_bias": True, "epochs": 1000, "init": "dirac",
        "init_share": 0.123456789, "keep_last_batch": True, "lr": 0.123456789, "momentum": 0.987654321, "norm": "batch",
        "projection_norm": False, "residual_gate": False, "schedule": "constant", "shortcut_scale": 1.5,
        "warmup_epochs": 10, "weight_decay": 0.000123456789,
    }.items()
)).name  # fmt: skip


@pytest.fixture
def run_id(store: str) -> str:
    client = MlflowClient(store)
    run_id: str = client.create_run(client.create_experiment("somewhere")).info.run_id
    return run_id


def test_an_arms_metric_is_read_as_the_arm() -> None:
    assert depth_metric("train_error_by_depth/", "plain") == "train_error_by_depth/plain"
    assert depth_metric("e/", "plain:init=dirac,lr=0.01") == "e/plain:init dirac:lr 0.01"


def test_every_arm_has_a_metric_of_its_own_that_mlflow_takes(store: str, run_id: str) -> None:
    arms = [*ARMS, LONG, LONG.replace("0.000123456789", "0.000123456780")]
    assert len(LONG) > 250
    errors = {(arm, depth): index + depth / 100 for index, arm in enumerate(arms) for depth in (18, 34)}
    client = MlflowClient(store)
    for _ in range(2):
        log_by_depth(client, run_id, {"train_error_by_depth/": errors})
    for index, arm in enumerate(arms):
        history = client.get_metric_history(run_id, depth_metric("train_error_by_depth/", arm))
        assert [(entry.step, entry.value) for entry in history] == [(18, index + 0.18), (34, index + 0.34)]
