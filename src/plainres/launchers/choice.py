"""Chooses the launcher that trains a command's runs, and checks that it can."""

import multiprocessing
import shutil
import socket
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from plainres.errors import BadInput
from plainres.launchers.launcher import Launcher
from plainres.launchers.slurm_commands import check_job
from plainres.launchers.together_launcher import TogetherLauncher, check_together
from plainres.settings import LaunchSettings, RunConfig
from plainres.settings.values import flag
from plainres.system.hardware import gpu_count, processes
from plainres.system.processes import worker_context

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = {"ray": "ray", "slurm": "submitit"}  # what each extra installs
LAUNCHERS_OF = {
    "gpus": ("ray", "slurm"),
    "ray_address": ("ray",),
    "slurm_partition": ("slurm",),
    "slurm_time": ("slurm",),
}
SECONDS_TO_ANSWER = 5.0


def check_launch(launch: LaunchSettings, jobs: int | None, config: RunConfig) -> None:
    """Return if the runs can be launched as asked; nothing is started to find out.

    Args:
        launch: what is asked for.
        jobs: runs at a time; None for the default.
        config: one of the runs, which are alike in what they need.

    Raises:
        BadInput: they can't.
    """
    check_together(config.device, jobs)
    launcher = launch.launcher
    if launcher == "local" and multiprocessing.current_process().daemon:
        raise BadInput("a daemonic process can start no others, to train in: start this one with daemon=False")
    if launcher != "local" and processes() > 1:
        raise BadInput(f"torchrun's {processes()} processes train each run together: leave out --launcher {launcher}")
    if jobs is not None and launch.elsewhere:
        raise BadInput(f"--jobs is for --launcher local: {launcher} trains as many runs at a time as it has room for")
    for name, launchers in LAUNCHERS_OF.items():
        if launcher not in launchers and getattr(launch, name) != getattr(LaunchSettings, name):
            raise BadInput(f"{flag(name)} is for --launcher {' or '.join(launchers)}")
    if launch.gpus and config.device != "cuda":
        raise BadInput(f"--gpus is for --device cuda, and the runs' device is {config.device}")
    if launcher == "slurm" and shutil.which("sbatch") is None:
        raise BadInput("--launcher slurm: no Slurm is on the PATH (sbatch); start the command where it is")
    if launcher in PACKAGES and find_spec(package := PACKAGES[launcher]) is None:
        raise BadInput(f"--launcher {launcher} needs {package}: `uv sync --extra {launcher}` installs it")
    if launch.ray_address:
        _check_answers(launch.ray_address)
    if launcher == "slurm":
        if launch.gpus != int(launch.gpus):
            raise BadInput(f"gpus {launch.gpus:g}: Slurm gives whole ones")
        check_job(cpus_of(config), int(gpus_of(launch, config)), launch.slurm_partition, launch.slurm_time)


def make_launcher(
    launch: LaunchSettings, jobs: int | None, config: RunConfig, checkpoints: Path, console: "Console"
) -> Launcher:
    """Make the launcher of runs that need what this one needs; `check_launch` has found that it's there.

    Raises:
        BadInput: a cluster refuses.
    """
    if launch.launcher == "ray":
        from plainres.launchers.ray_launcher import RayLauncher

        return RayLauncher(cpus_of(config), gpus_of(launch, config), launch.ray_address)
    if launch.launcher == "slurm":
        from plainres.launchers.slurm_launcher import SlurmLauncher

        gpus, folder = int(gpus_of(launch, config)), checkpoints / "slurm"
        if "%" in str(folder.absolute()):
            raise BadInput(f"{folder.absolute()}: Slurm takes % in a path for a placeholder (--checkpoint-dir)")
        return SlurmLauncher(
            cpus_of(config), gpus, launch.slurm_partition, launch.slurm_time, folder,
            partial(console.print, highlight=False, markup=False, soft_wrap=True),
        )  # fmt: skip
    if processes() > 1:
        return TogetherLauncher()
    import joblib  # not for a check

    from plainres.launchers.local_launcher import LocalLauncher

    fitting = joblib.cpu_count() // config.threads if config.device == "cpu" else gpu_count()
    return LocalLauncher(jobs or max(1, fitting))


def begin_imports_of(launch: LaunchSettings) -> None:
    """Let the imports of this machine's workers begin, if there are to be any."""
    if launch.launcher == "local" and processes() == 1:
        worker_context()


def cpus_of(config: RunConfig) -> int:
    """Count the cores that a run keeps busy: its threads, and the processes that decode its images."""
    return config.threads + config.data_workers


def gpus_of(launch: LaunchSettings, config: RunConfig) -> float:
    """Count the GPUs that a run is given, which may be a part of one."""
    return (launch.gpus or 1) if config.device == "cuda" else 0


def _check_answers(address: str) -> None:
    """Raise BadInput if nothing listens there."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise BadInput(f"Ray address {address!r} is no HOST:PORT")
    try:
        with socket.create_connection((host, int(port)), SECONDS_TO_ANSWER):
            return
    except (OSError, OverflowError, ValueError) as error:
        raise BadInput(f"no Ray answers at {address}: {error}; `ray start --head` starts one") from None
