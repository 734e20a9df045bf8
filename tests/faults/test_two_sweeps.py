"""Several commands at once on one store."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.conftest import Commands
from tests.faults.stored import histories

SWEEP = ["--depths", "8", "--width", "8", "--epochs", "4", "--seeds", "0"]


@pytest.mark.parametrize("other", [SWEEP, ["--depths", "8", "14", *SWEEP[2:]]], ids=["the same", "a larger one"])
def test_each_run_is_trained_once(commands: Commands, folder: Path, other: list[str]) -> None:
    started = [commands.start(folder, *arguments) for arguments in (SWEEP, other)]
    assert [commands.wait(command) for command in started] == [0, 0]
    found = histories(f"sqlite:///{folder / 'mlflow.db'}")  # which refuses a name that is there twice
    assert len(found) == (2 if other is SWEEP else 4)
    for _, history in found.values():
        assert [step for step, _ in history["loss/train"]] == [1, 2, 3, 4]
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    assert {run.info.status for run in client.search_runs(["1"])} == {"FINISHED"}
    parents = client.search_runs(["1"], "tags.sweep_hash LIKE '%'")
    assert len(parents) == (1 if other is SWEEP else 2)
    assert all("verdict" in parent.data.tags for parent in parents)
