"""A sweep of two runs as a command, and whether what it stored is what local processes store."""

import subprocess
import sys
from pathlib import Path

import torch
from mlflow import MlflowClient

from tests.environment import environment
from tests.faults.stored import histories, weights, without_times

EPOCHS = 800  # so that the first is not at its end before the second is under way, whenever an engine starts it
RUNS = ["plain-8-seed0", "residual-8-seed0"]
FLAGS = [
    "--depths", "8", "--width", "8", "--train-images", "300", "--test-images", "100",
    "--epochs", str(EPOCHS), "--seeds", "1",
]  # fmt: skip


def start(folder: Path, *flags: str, module: str = "experiments.degradation", uri: str = "") -> "subprocess.Popen[str]":
    """A command, called in a folder; its store is the folder's own if no other is named."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *flags],
        cwd=folder, env=environment() | ({"MLFLOW_TRACKING_URI": uri} if uri else {}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(command: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, output and errors."""
    output, errors = command.communicate(timeout=180)
    return command.returncode, output, errors


def begun(folder: Path, name: str = "*-seed*", runs: int = 2) -> bool:
    """Whether so many runs, whose folders are named so, are well under way."""
    journals = folder.glob(f"mlruns/checkpoints/{name}/journal")
    return [journal.read_bytes().count(b"\n") >= 60 for journal in journals] == [True] * runs


def statuses(folder: Path) -> list[str]:
    """Of the parent run and those of the networks."""
    return [run.info.status for run in MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_runs(["1"])]


def check_equal(folder: Path, other: Path) -> None:
    """Two folders hold the same numbers and weights, to the bit."""
    ours, theirs = (histories(f"sqlite:///{place / 'mlflow.db'}") for place in (folder, other))
    assert sorted(ours) == sorted(theirs) == RUNS
    for name, (run_id, history) in ours.items():
        other_id, other_history = theirs[name]
        assert without_times(history) == without_times(other_history)
        network, other_network = weights(folder, run_id), weights(other, other_id)
        assert all(torch.equal(network[layer], other_network[layer]) for layer in other_network)
