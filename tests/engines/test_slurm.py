"""Slurm's own daemons: arrays of real jobs, which are pre-empted, told to stop, cancelled, and found again."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from plainres.running.slurm_commands import states
from tests.environment import environment
from tests.faults.stored import histories, processes_at, weights, without_times
from tests.faults.waiting import eventually

pytest.importorskip("submitit", reason="`uv sync --extra slurm` installs it")
pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("slurm")]

RUNS = ["plain-8-seed0", "residual-8-seed0"]


def start(folder: Path, *flags: str, module: str = "experiments.degradation") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *flags],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(command: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, output and errors."""
    output, errors = command.communicate(timeout=120)
    return command.returncode, output, errors


def sweep(epochs: int) -> list[str]:
    """The flags of two runs."""
    return ["--depths", "8", "--width", "8", "--epochs", str(epochs), "--seeds", "0", "--checkpoint-every", "1"]


def epochs_of(folder: Path, name: str) -> int:
    """How many a run has a checkpoint of."""
    found = [int(path.stem.split("-")[1]) for path in folder.glob(f"mlruns/checkpoints/{name}-*/epoch-*.pt")]
    return max(found, default=0)


def check_equals_local(folder: Path, other: Path, flags: list[str]) -> None:
    """The same sweep trained in processes of this machine gives the same numbers and weights, to the bit."""
    other.mkdir()
    (other / "mlflow.db").write_bytes((folder.parent / "empty.db").read_bytes())
    code, _, errors = finish(start(other, *flags, "--jobs", "2"))
    assert code == 0, errors
    ours, theirs = (histories(f"sqlite:///{place / 'mlflow.db'}") for place in (folder, other))
    assert sorted(ours) == sorted(theirs) == RUNS
    for name, (run_id, history) in ours.items():
        other_id, other_history = theirs[name]
        assert without_times(history) == without_times(other_history)
        network, other_network = weights(folder, run_id), weights(other, other_id)
        assert all(torch.equal(network[layer], other_network[layer]) for layer in other_network)


@pytest.fixture
def folder(template_database: Path, tmp_path: Path) -> Path:
    """A working folder with an empty store."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (folder / "mlflow.db", tmp_path / "empty.db"):
        place.write_bytes(template_database.read_bytes())
    return folder


def test_an_array_is_found_again_and_goes_on_after_pre_emption(folder: Path, tmp_path: Path) -> None:
    flags = [*sweep(60), "--launcher", "slurm"]
    command = start(folder, *flags)
    eventually(lambda: all(epochs_of(folder, name) >= 2 for name in RUNS))
    command.send_signal(signal.SIGINT)
    code, output, errors = finish(command)
    (array,) = re.findall(r"Slurm's job (\d+), an array of 2", output)
    print(output, errors)
    assert code == 130
