import multiprocessing
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from rich.console import Console

import plainres
from experiments import degradation
from plainres.cli.command_line import run_command
from plainres.errors import BadInput
from plainres.launchers.choice import cpus_of, gpus_of, make_launcher
from plainres.launchers.launcher import room
from plainres.settings import LaunchSettings
from plainres.sweeps.configure import configure
from studies import lr_batch_size


@pytest.mark.parametrize("module", [degradation, lr_batch_size])
@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--launcher ray", "--launcher ray needs ray: `uv sync --extra ray` installs it"),
        ("--launcher slurm", "--launcher slurm needs submitit: `uv sync --extra slurm` installs it"),
    ],
)
def test_the_line_says_which_extra_is_missing(
    module: object, flags: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for package in ("ray", "submitit"):
        monkeypatch.setitem(sys.modules, package, None)  # as where it's not installed
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sbatch").touch(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert refused(module, flags, monkeypatch, tmp_path, capsys) == line


@pytest.mark.parametrize("module", [degradation, lr_batch_size])
def test_slurm_is_looked_for_on_the_path(
    module: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refused(module, "--launcher slurm", monkeypatch, tmp_path, capsys)
    assert line == "--launcher slurm: no Slurm is on the PATH (sbatch); start the command where it is"


def refused(
    module: object, flags: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """The one line with which a command refuses its flags, having written nothing."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.argv", ["command", *flags.split()])
    assert run_command(module.Flags, module.main, module.PROGRAM) == 2  # type: ignore[attr-defined]
    (line,) = capsys.readouterr().err.splitlines()
    assert not list(folder.iterdir())
    return line.removeprefix("error: ")


def test_what_other_machines_have_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plainres.system.hardware.cuda_is_available", lambda: False)
    config = configure("plain", 8, elsewhere=True, device="cuda", precision="bf16")
    assert (config.device, config.precision) == ("cuda", "bf16")
    with pytest.raises(BadInput, match="no CUDA GPU"):
        configure("plain", 8, device="cuda", precision="bf16")
    with pytest.raises(BadInput, match="precision auto: no GPU is here to ask"):
        configure("plain", 8, elsewhere=True, device="cuda")


def test_a_run_is_given_the_cores_and_gpus_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plainres.system.hardware.cuda_is_available", lambda: False)
    on_gpu = configure("plain", 8, elsewhere=True, device="cuda", precision="bf16", threads=2, data_workers=3)
    assert cpus_of(on_gpu) == 5
    assert gpus_of(LaunchSettings(launcher="ray"), on_gpu) == 1
    assert gpus_of(LaunchSettings(launcher="ray", gpus=0.25), on_gpu) == 0.25
    assert gpus_of(LaunchSettings(launcher="ray"), configure("plain", 8, device="cpu")) == 0


def test_there_is_room_for_what_each_machine_holds() -> None:
    machines = [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 3.0, "GPU": 4.0}, {"CPU": 64.0}]
    assert room(machines, {"CPU": 2.0, "GPU": 0.0}) == 4 + 1 + 32
    assert room(machines, {"CPU": 1.0, "GPU": 0.5}) == 2 + 3
    assert room(machines, {"CPU": 100.0, "GPU": 0.0}) == 0


def line_of(connection: Connection) -> None:
    """Send the line with which `compare` refuses to train in this process."""
    try:
        plainres.compare(depths=[8], seeds=[0], arms=["plain"], width=4, epochs=1, train_images=640)
    except BadInput as refusal:
        connection.send(str(refusal))
    connection.close()


def test_a_daemonic_process_is_told_that_it_can_not_train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=line_of, args=(there,), daemon=True)
    process.start()
    there.close()
    assert here.recv() == "a daemonic process can start no others, to train in: start this one with daemon=False"
    process.join()
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_slurm_would_change_is_refused(tmp_path: Path) -> None:
    launch = LaunchSettings(launcher="slurm")
    with pytest.raises(BadInput, match="Slurm takes % in a path for a placeholder"):
        make_launcher(launch, None, configure("plain", 8), tmp_path / "100%u", Console())
