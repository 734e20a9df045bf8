"""What was recorded of the code of before still holds: identities, names and, within rounding, numbers."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from plainres.names import INITIAL
from plainres.sweeps.configure import configure
from plainres.training import train

HERE = Path(__file__).parent
HASHES: list[tuple[str, int, int, dict[str, Any], str]] = json.loads((HERE / "config_hashes.json").read_text())
TIMES = ("images_per_second", "final/seconds")
TOLERANCE = 2e-2  # that one epoch of a residual network keeps on every kind of processor


@pytest.mark.parametrize(("variant", "depth", "seed", "settings", "recorded"), HASHES)
def test_a_configuration_has_the_hash_of_before(
    variant: str, depth: int, seed: int, settings: dict[str, Any], recorded: str
) -> None:
    assert configure(variant, depth, seed, device="cpu", **settings).config_hash == recorded


def test_a_training_logs_what_it_logged_before() -> None:
    recorded: list[dict[str, float]] = json.loads((HERE / "residual_8.json").read_text())
    records = list(train(configure("residual", 8, epochs=1, device="cpu")))
    for record, before in zip(records, recorded, strict=True):
        metrics = {name: value for name, value in record.metrics.items() if not name.startswith(INITIAL)}
        assert metrics.keys() == before.keys()
        for name in before.keys() - set(TIMES):
            assert metrics[name] == pytest.approx(before[name], rel=TOLERANCE), name


@pytest.fixture(scope="module")
def old_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a store that the code of before has made."""
    path = tmp_path_factory.mktemp("old") / "mlflow.db"
    connection = sqlite3.connect(path)
    connection.executescript(gzip.decompress((HERE / "store.sql.gz").read_bytes()).decode())
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("depth", [8, 14])
@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_finished_runs_of_before_are_found(old_store: str, variant: str, depth: int) -> None:
    from plainres.tracking.runs import finished_run, open_experiment

    experiment = open_experiment(old_store, "degradation")
    settings: dict[str, Any] = {"width": 8, "epochs": 1, "train_images": 300, "test_images": 100, "device": "cpu"}
    found = {finished_run(experiment, configure(variant, depth, seed, **settings)) for seed in (0, 1, 2)}
    assert len(found) == 3  # the third was never trained
    assert None in found
