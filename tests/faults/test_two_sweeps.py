"""Several commands at once on one store."""

import os
import signal
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.commands import Commands
from tests.faults.stored import histories, workers_of
from tests.faults.waiting import eventually

TINY = ["--width", "8", "--seeds", "1", "--train-images", "600", "--test-images", "100"]
SWEEP = ["--depths", "8", *TINY, "--epochs", "4"]


@pytest.mark.parametrize(
    "other", [SWEEP, ["--depths", "8", "14", *TINY, "--epochs", "4"]], ids=["the same", "a larger one"]
)
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


def test_a_run_whose_owner_dies_is_taken_over_by_who_waits_for_it(commands: Commands, folder: Path) -> None:
    sweep = ["--depths", "8", *TINY, "--epochs", "40", "--checkpoint-every", "1"]
    owner = commands.start(folder, *sweep)
    eventually(lambda: len(workers_of(folder)) == 2)
    second = commands.start(folder, *sweep)
    eventually(lambda: "another process trains it" in folder.with_name("folder.out").read_text())
    os.kill(owner, signal.SIGKILL)
    assert commands.wait(owner) == -signal.SIGKILL
    assert commands.wait(second) == 0
    found = histories(f"sqlite:///{folder / 'mlflow.db'}")
    assert len(found) == 2
    for _, history in found.values():
        assert [step for step, _ in history["loss/train"]] == list(range(1, 41))


def test_a_sweep_leaves_the_unfinished_runs_of_another_alone(commands: Commands, folder: Path) -> None:
    sweep = ["--depths", "8", *TINY, "--checkpoint-every", "1", "--epochs", "3"]
    assert commands.run(folder, *sweep) == 0
    fresh = commands.start(folder, *sweep, "--fresh")
    eventually(lambda: workers_of(folder))
    os.kill(fresh, signal.SIGKILL)
    commands.wait(fresh)
    eventually(lambda: not workers_of(folder))  # which notice that it is gone
    left = {path: path.read_bytes() for path in folder.glob("mlruns/checkpoints/*/journal")}
    assert left
    assert commands.run(folder, "--arms", "plain", *sweep) == 0  # another sweep, which has what it needs
    assert {path: path.read_bytes() for path in folder.glob("mlruns/checkpoints/*/journal")} == left
