"""Two processes of torchrun, over gloo, train runs as one process does, and lose nothing when one of them dies."""

import copy
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from mlflow import MlflowClient
from torch.nn.functional import cross_entropy

from plainres.data import load_dataset
from plainres.probes import gradients
from plainres.training import Trainer
from tests.engines.train_together import config_of
from tests.environment import environment as users_environment
from tests.faults.commands import Commands

pytestmark = pytest.mark.engine
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
ENVIRONMENT = {**users_environment(), "OMP_NUM_THREADS": "1"}  # or torchrun warns that it sets it
TINY = "--depths 8 --arms residual --seeds 1 --width 8 --epochs 12 --train-images 400 --checkpoint-every 1 --device cpu"
COMMAND = ["-m", "experiments.degradation", *TINY.split(" ")]

Records = list[dict[str, float]]


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    """What one process comes to, and its state after the first epoch of the plain network."""
    found: dict[str, Any] = {}
    for case in ("plain", "residual", "one step", "odd batches"):
        trainer = Trainer(config_of(case))
        found[case] = []
        for record in trainer:
            found[case].append(record.metrics)
            if case == "plain" and record.epoch == 1:
                found["state"] = copy.deepcopy(trainer.state_dict())
    return found


@pytest.fixture(scope="module")
def two(one: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes comes to."""
    folder = tmp_path_factory.mktemp("two")
    torch.save(one["state"], folder / "state.pt")
    script = Path(__file__).parent / "train_together.py"
    subprocess.run([*TORCHRUN, script, folder / "state.pt", folder], env=ENVIRONMENT, check=True, timeout=120)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def losses(records: Records) -> list[float]:
    return [record["loss/train"] for record in records if "loss/train" in record]


def whole_batch(trainer: Trainer) -> tuple[torch.Tensor, torch.Tensor]:
    """All training images in the order of the first epoch."""
    split = load_dataset("digits").train
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    return trainer.normalise(split.images[order]), split.labels[order]


def test_the_first_step_has_the_loss_and_the_gradients_of_one_process(
    one: dict[str, Any], two: list[dict[str, Any]]
) -> None:
    assert losses(two[0]["one step"]) == pytest.approx(losses(one["one step"]), abs=1e-5)
    for case in ("plain", "residual", "odd batches"):
        assert two[0][case][0] == pytest.approx(one[case][0], rel=1e-4)


def test_the_gradient_norms_are_those_of_the_whole_batch(two: list[dict[str, Any]]) -> None:
    trainer = Trainer(config_of("one step"))
    images, labels = whole_batch(trainer)
    # In float64, since torch's batch norm on a CPU is 0.1 % off for a batch of this size.
    norms = gradients.measure(trainer.network.double(), (images.double(), labels))
    found = two[0]["one step"][0]
    assert {name: found[name] for name in norms} == pytest.approx(norms, rel=1e-4)


@pytest.mark.parametrize("case", ["plain", "residual", "odd batches"])
def test_the_loss_curve_is_that_of_one_process(case: str, one: dict[str, Any], two: list[dict[str, Any]]) -> None:
    assert losses(two[0][case]) == pytest.approx(losses(one[case]), abs=0.02)
    for name in ("loss/validation", "final/train_loss", "final/test_loss"):
        assert two[0][case][-1][name] == pytest.approx(one[case][-1][name], abs=0.02)
    assert one[case][-1]["loss/train"] < one[case][1]["loss/train"] - 0.03  # so that a loss that stays would be seen


def test_all_processes_have_the_same_network_made_of_torchs_own_norms(two: list[dict[str, Any]]) -> None:
    for case in ("plain", "residual", "odd batches", "own statistics"):
        first, second = (found[f"{case}: state"] for found in two)
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert "plainres.training.data_parallel" not in two[0][f"{case}: layers"]


def test_with_a_share_of_the_norm_each_process_normalises_its_own_images(two: list[dict[str, Any]]) -> None:
    trainer = Trainer(config_of("one step"))
    images, labels = whole_batch(trainer)
    network = trainer.network.train()
    halves = [
        cross_entropy(network(images[half]), labels[half], reduction="sum") for half in (slice(647), slice(647, None))
    ]
    assert losses(two[0]["own statistics"]) == pytest.approx([sum(halves).item() / 1293], abs=1e-5)  # type: ignore[union-attr]
    assert losses(two[0]["own statistics"]) != pytest.approx(losses(two[0]["one step"]), abs=1e-5)


def test_a_run_goes_on_to_the_bit_in_as_many_processes_and_closely_in_others(
    one: dict[str, Any], two: list[dict[str, Any]]
) -> None:
    for name, value in two[0]["plain: state"].items():
        assert torch.equal(two[0]["again: state"][name], value)
    assert losses(two[0]["again"]) == losses(two[0]["plain"])[1:]
    assert losses(two[0]["after one"]) == pytest.approx(losses(one["plain"])[1:], abs=0.002)


def start(folder: Path) -> "subprocess.Popen[str]":
    """The command in two processes, once it has saved a checkpoint."""
    process = subprocess.Popen(
        [*TORCHRUN, *COMMAND],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 100
    while not list(folder.glob("mlruns/checkpoints/*/epoch-*.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def follower(process: "subprocess.Popen[str]") -> int:
    return next(child.pid for child in psutil.Process(process.pid).children() if child.environ().get("RANK") == "1")


def ours(text: str) -> list[str]:
    """What comes of the command itself: torchrun tells of itself with a traceback of its own."""
    return [line for line in text.partition("Traceback (most")[0].splitlines() if "torch/distributed" not in line]


def test_a_process_that_dies_ends_all_with_a_line_and_the_next_call_goes_on(tmp_path: Path, commands: Commands) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    process = start(folder)
    os.kill(follower(process), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = ours(err)
    assert line.startswith("error: residual-8-seed0: one of the 2 processes is lost; to go on: uv run torchrun ")
    assert line.endswith(f"--nproc-per-node 2 -m experiments.degradation {TINY}")
    assert commands.run(folder, *TINY.split(" ")) == 0
    assert "goes on after epoch" in folder.with_name("folder.out").read_text()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = client.search_runs(["1"], "tags.config_hash LIKE '%' AND tags.seed = '0'")
    assert run.data.tags["processes"] == "2, then 1"


def test_a_run_that_is_interrupted_goes_on_in_two_processes(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "interrupted; to go on: uv run torchrun --nproc-per-node 2 -m experiments.degradation" in err
    again = subprocess.run(
        [*TORCHRUN, *COMMAND],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert "goes on after epoch" in again.stdout
    runs = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").search_runs(["1"], "tags.config_hash LIKE '%'")
    assert {run.data.tags["processes"] for run in runs} == {"2"}


def test_processes_that_cant_reach_each_other_say_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [*TORCHRUN, *COMMAND], cwd=tmp_path, env=ENVIRONMENT | {"GLOO_SOCKET_IFNAME": "eth9"},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode != 0
    assert re.search("error: .*torchrun's processes can't reach each other: .*eth9", done.stderr)
