"""How many runs, or trials, are trained side by side."""

from plainres.errors import BadInput
from plainres.hardware import gpu_count


def check_jobs(jobs: int | None) -> None:
    """Raise BadInput for a number that nothing could be trained with; None stands for the default."""
    if jobs is not None and jobs < 1:
        raise BadInput(f"jobs {jobs} is below 1")


def default_jobs(device: str, threads: int) -> int:
    """As many as the cores that this process may use hold, or on GPUs as many as there are."""
    import joblib  # not for a check

    return max(1, joblib.cpu_count() // threads if device == "cpu" else gpu_count())
