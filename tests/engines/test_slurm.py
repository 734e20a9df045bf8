"""Slurm's own daemons: arrays of real jobs, which are pre-empted, told to stop, cancelled, and found again."""

import re
import signal
import subprocess
import sys
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

EPOCHS = 400
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
    """The flags of two runs, of short epochs."""
    small = ["--depths", "8", "--width", "8", "--seeds", "0", "--train-images", "300", "--test-images", "100"]
    return [*small, "--epochs", str(epochs), "--checkpoint-every", "1"]


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
    flags = sweep(EPOCHS)
    command = start(folder, *flags, "--launcher", "slurm", "--slurm-partition", "patient")
    eventually(lambda: all(epochs_of(folder, name) >= 2 for name in RUNS))
    command.send_signal(signal.SIGINT)
    code, output, errors = finish(command)
    (array,) = re.findall(r"Slurm's job (\d+), an array of 2", output)
    assert code == 130
    assert f"`scancel {array}` ends them" in output
    assert "Traceback" not in errors
    assert parent_status(folder) == "RUNNING"
    assert states() == {f"{array}_0": "RUNNING", f"{array}_1": "RUNNING"}

    subprocess.run(["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"], check=True)
    eventually(lambda: [(states() or {}).get(f"{array}_{number}") for number in range(2)] == ["PENDING", "PENDING"])
    code, output, errors = finish(start(folder, *flags, "--launcher", "slurm", "--slurm-partition", "patient"))
    assert (code, errors) == (0, "")
    assert "Slurm has 2 of 2 jobs already" in output
    assert "an array of" not in output
    assert {name for name in RUNS if f"{name}: goes on after epoch" in output} == set(RUNS)
    assert not list(folder.glob("mlruns/checkpoints/slurm/plainres-*"))
    assert not list(folder.glob("mlruns/checkpoints/*-seed*"))
    assert parent_status(folder) == "FINISHED"
    check_equals_local(folder, tmp_path / "local", flags)


def test_a_job_whose_time_is_up_goes_on_and_a_cancelled_one_is_reported(folder: Path) -> None:
    flags = [*sweep(EPOCHS), "--launcher", "slurm", "--slurm-time", "30"]
    command = start(folder, *flags)
    eventually(lambda: all(epochs_of(folder, name) >= 2 for name in RUNS))
    by_run = {name: of_run(folder, name) for name in RUNS}
    subprocess.run(["scancel", "--signal=USR2", by_run["plain-8-seed0"]], check=True)  # as before its time is up
    subprocess.run(["scancel", by_run["residual-8-seed0"]], check=True)
    code, output, errors = finish(command)
    assert (code, errors) == (1, "")
    assert "plain-8-seed0: goes on after epoch" in output
    cancelled = f"Slurm's job {by_run['residual-8-seed0']} ended without a result, CANCELLED"
    assert f"residual-8-seed0       failed: {cancelled}" in output
    assert "Incomplete" in output

    code, output, errors = finish(start(folder, *flags))
    assert (code, errors) == (0, "")
    assert "an array of 1" in output
    assert "residual-8-seed0: goes on after epoch" in output
    for _, history in histories(f"sqlite:///{folder / 'mlflow.db'}").values():
        assert [step for step, _ in history["loss/train"]] == list(range(1, EPOCHS + 1))


def parent_status(folder: Path) -> str:
    (parent,) = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_runs(["1"], "params.arms LIKE '%'")
    return str(parent.info.status)


def of_run(folder: Path, name: str) -> str:
    """The job that trains a run."""
    (place,) = folder.glob(f"mlruns/checkpoints/{name}-*")
    (pid,) = processes_at(place, "journal")
    environ = dict(pair.partition("=")[::2] for pair in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    return f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
