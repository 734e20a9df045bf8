"""Asks Slurm's own commands about its jobs and machines."""

import re
import subprocess
import time

from plainres.errors import BadInput

SECONDS_TO_ANSWER = 20
SECONDS_BETWEEN_TRIES = 2.0


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
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER)
