"""Interrupts of the whole command."""

import os
import signal
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.commands import Commands
from tests.faults.stored import histories, workers_of
from tests.faults.waiting import eventually

LONG = ["--depths", "8", "--width", "8", "--epochs", "5000", "--seeds", "1", "--jobs", "2"]


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob("mlruns/checkpoints/*/epoch-*.pt"))


def steps(folder: Path) -> list[int]:
    """The last epoch that each of the two runs has logged."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs(["1"], "metrics.`loss/train` > 0")
    return [client.get_metric_history(run.info.run_id, "loss/train")[-1].step for run in runs]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_checkpoints_the_runs_and_says_how_to_go_on(
    commands: Commands, folder: Path, number: signal.Signals, code: int
) -> None:
    command = commands.start(folder, *LONG)
    eventually(lambda: len(steps(folder)) == 2)
    time.sleep(0.5)  # by then the state at the end of the first epoch has been copied
    os.killpg(command, number)  # as a terminal does, when it goes away too, and a batch system
    assert commands.wait(command) == code
    errors = folder.with_name("folder.err").read_text()
    assert f"to go on: uv run python -m experiments.degradation {' '.join(LONG)}" in errors
    assert "Traceback" not in errors
    assert {path.parent.name.rsplit("-", 1)[0] for path in checkpoints(folder)} == {"plain-8-seed0", "residual-8-seed0"}
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    assert [run.info.status for run in client.search_runs(["1"])] == ["KILLED"] * 3

    before = min(steps(folder))
    command = commands.start(folder, *LONG)
    eventually(lambda: min(steps(folder)) > before)
    os.kill(command, signal.SIGKILL)
    commands.wait(command)
    assert "goes on after epoch" in folder.with_name("folder.out").read_text()
    for _, history in histories(f"sqlite:///{folder / 'mlflow.db'}").values():
        assert [step for step, _ in history["loss/train"]] == list(range(1, len(history["loss/train"]) + 1))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_stops_at_once(commands: Commands, folder: Path, number: signal.Signals, code: int) -> None:
    command = commands.start(folder, *LONG)
    eventually(lambda: len(steps(folder)) == 2)
    workers = workers_of(folder)
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # it can't answer, as in the middle of a long step
    os.kill(command, number)
    time.sleep(1)
    assert workers_of(folder) == workers
    os.kill(command, number)
    assert commands.wait(command) == code
    assert workers_of(folder) == []
    assert "Traceback" not in folder.with_name("folder.err").read_text()
