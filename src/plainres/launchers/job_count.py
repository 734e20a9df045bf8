"""How many runs, or trials, are trained side by side."""

from collections.abc import Iterable, Mapping

from plainres.errors import BadInput
from plainres.system.hardware import gpu_count


def check_jobs(jobs: int | None) -> None:
    """Raise BadInput for a number that nothing could be trained with; None stands for the default."""
    if jobs is not None and jobs < 1:
        raise BadInput(f"jobs {jobs} is below 1")


def room(machines: Iterable[Mapping[str, float]], needs: Mapping[str, float]) -> int:
    """How many runs machines can train at once, where each run needs so many of what the machines have."""
    return sum(min(int(machine.get(name, 0) / need) for name, need in needs.items() if need) for machine in machines)


def default_jobs(device: str, threads: int) -> int:
    """As many as the cores that this process may use hold, or on GPUs as many as there are."""
    import joblib  # not for a check

    return max(1, joblib.cpu_count() // threads if device == "cpu" else gpu_count())
