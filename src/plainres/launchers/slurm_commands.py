"""Asks Slurm's own commands about its jobs and machines."""

import os
import re
import subprocess
import time
from contextlib import AbstractContextManager

from plainres.errors import BadInput
from plainres.system.processes import environment

SECONDS_TO_ANSWER = 20
SECONDS_BETWEEN_TRIES = 2.0
KEPT = ("SLURM_CONF", "SLURM_JWT")  # by which Slurm's commands find and trust each other
OURS = {  # what is said of each job, and variables would go before
    f"SBATCH_{name}"
    for name in (
        "ARRAY_INX", "ERROR", "EXPORT", "GPUS_PER_NODE", "INPUT", "JOB_NAME", "NO_REQUEUE", "OPEN_MODE", "OUTPUT",
        "REQUEUE", "SIGNAL", "TIMELIMIT", "WAIT",
    )
}  # fmt: skip


def check_job(cpus: int, gpus: int, partition: str, minutes: int) -> None:
    """Return if Slurm would take a job of this kind, in the cluster's own partition if none is named.

    Nothing is queued to find out.

    Raises:
        BadInput: it wouldn't, or doesn't answer.
    """
    options = [f"--time={minutes}", f"--cpus-per-task={cpus}"]
    options += [f"--partition={partition}"] if partition else []
    options += [f"--gpus-per-node={gpus}"] if gpus else []
    try:
        with without_personal_settings(partition):
            done = _run("sbatch", "--test-only", *options, "--wrap=true")
    except subprocess.TimeoutExpired:
        raise BadInput(f"Slurm has not answered for {SECONDS_TO_ANSWER} seconds (sbatch --test-only)") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or "it doesn't say why").splitlines()[-1]
        reason = re.sub("^(sbatch: [a-z]+|allocation failure): ", "", said)
        raise BadInput(f"Slurm refuses a job with {' '.join(options)}: {reason}")


def states() -> dict[str, str] | None:
    """List the states of this user's jobs that have not ended, by id, as `12_0`; None while Slurm doesn't answer."""
    answer = _answer("squeue", "--me", "--array", "--noheader", "--format=%i %T")
    if answer is None:
        return None
    return dict(line.split(maxsplit=1) for line in answer.splitlines() if " " in line)


def last_state(job_id: str) -> str:
    """Ask in which state a job ended, as CANCELLED, while Slurm remembers it."""
    found = re.search(r"\bJobState=(\w+)", _answer("scontrol", "show", "job", job_id) or "")
    return found[1] if found else "UNKNOWN"


def id_of(name: str) -> str | None:
    """Find the id of the job, or of the array, of this name, if it has not ended; waits until Slurm says."""
    return next(iter(_awaited("squeue", "--me", "--noheader", f"--name={name}", "--format=%F").split()), None)


def machines(partition: str) -> list[dict[str, float]]:
    """Count the CPUs and GPUs of each node, of a partition if one is named; waits until Slurm says."""
    of_partition = [f"--partition={partition}"] if partition else []
    answer = _awaited("sinfo", "--Node", "--noheader", "--format=%N %c %G", *of_partition)
    nodes = {name: (cpus, gres) for name, cpus, gres in map(str.split, answer.splitlines())}
    return [
        {"CPU": float(cpus), "GPU": float(sum(map(int, re.findall(r"\bgpu:(?:[^:,(]+:)?(\d+)", gres))))}
        for cpus, gres in nodes.values()
    ]


def largest_array() -> int:
    """Ask how many jobs an array may have."""
    found = re.search(r"\bMaxArraySize *= *(\d+)", _answer("scontrol", "show", "config") or "")
    return max(1, int(found[1])) if found else 1000


def without_personal_settings(partition: str = "") -> AbstractContextManager[None]:
    """Leave out of the environment what changes the answers of Slurm's commands, or the jobs that they submit.

    That is a person's own settings, as SQUEUE_STATES, and what Slurm tells the job that this process may be part of.
    Of sbatch's all stay but what is said of each job, and the partition if one is asked for.
    """
    ours = OURS | {"SBATCH_PARTITION"} if partition else OURS
    told = {name for name in os.environ if name.startswith(("SLURM_", "SQUEUE_", "SINFO_", "SCONTROL_"))}
    return environment(dict.fromkeys(ours | told - set(KEPT)))


def _awaited(*command: str) -> str:
    """What a command prints once Slurm answers it."""
    while (answer := _answer(*command)) is None:
        time.sleep(SECONDS_BETWEEN_TRIES)
    return answer


def _answer(*command: str) -> str | None:
    """What a command prints, or None while Slurm doesn't answer it."""
    try:
        done = _run(*command)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    with without_personal_settings():
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER)
