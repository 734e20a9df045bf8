"""A Slurm of one node, of Debian's own daemons, for as long as a test needs it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import psutil
import pytest

from tests.engines.two_runs import FLAGS, finish, start
from tests.faults.waiting import eventually
from tests.servers import free_ports

DAEMONS = ("munged", "slurmctld", "slurmd")
# Jobs of the partition `urgent` end those of `patient`, which Slurm queues again, 5 seconds (cred_expire) later.
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize=2
ReturnToService=2
MpiDefault=none
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=patient Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=4
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9
"""

# Settings of a person's own, which change what the commands answer and what they submit.
PERSONAL = {
    "SQUEUE_STATES": "COMPLETED", "SQUEUE_PARTITION": "urgent", "SQUEUE_ARRAY": "0", "SINFO_PARTITION": "none",
    "SBATCH_EXPORT": "NONE", "SBATCH_TIMELIMIT": "1", "SBATCH_PARTITION": "urgent", "SLURM_TIME_FORMAT": "relative",
}  # fmt: skip


@pytest.fixture(scope="session")
def trained_here(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sweep as processes of this machine train it."""
    folder = tmp_path_factory.mktemp("here")
    shutil.copy(template_database, folder / "mlflow.db")
    code, _, errors = finish(start(folder, *FLAGS, "--jobs", "2"))
    assert code == 0, errors
    return folder


@pytest.fixture(scope="session")
def slurm() -> Iterator[None]:
    """What sbatch and the others answer to: SLURM_CONF says where it is."""
    missing = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=_path()) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: slurm-wlm and munge are Debian's packages")
    if os.geteuid() != 0:
        pytest.skip("only root can start Slurm's daemons")
    folder = Path(mkdtemp(prefix="slurm-"))  # a socket's name is short
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(host=socket.gethostname().partition(".")[0], ports=free_ports(2), folder=folder)
    )
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(128))
    files = {"key-file": key, **{f"{name}-file": folder / f"munged.{name}" for name in ("pid", "log", "seed")}}
    munge = [f"--{name}={path}" for name, path in files.items()]
    before = dict(os.environ)
    os.environ |= {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": _path(), **PERSONAL}
    try:
        _start("munged", "--force", f"--socket={folder}/munge.socket", *munge)
        _start("slurmctld")
        _start("slurmd")
        eventually(lambda: "idle" in _output("sinfo", "--noheader", "--partition=patient", "--format=%t"))
        yield
    finally:
        _output("scancel", "--signal=KILL", "--full", "--user=root")
        time.sleep(1)
        for name in reversed(DAEMONS):
            with suppress(FileNotFoundError, psutil.NoSuchProcess):
                daemon = psutil.Process(int((folder / f"{name}.pid").read_text()))
                daemon.terminate()
                daemon.wait(20)
        os.environ.clear()
        os.environ |= before
        shutil.rmtree(folder)


def _path() -> str:
    return f"{os.environ['PATH']}{os.pathsep}/usr/sbin"


def _start(*command: str) -> None:
    """Start a daemon, which leaves this process by itself."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
