"""Call from Python, and at home in a notebook, what the commands do."""

from dataclasses import replace
from typing import TYPE_CHECKING

from plainres.errors import BadInput
from plainres.settings.values import options_of, typed
from plainres.workflows.compare import Studies, carry_out, last_sweep, read_back
from plainres.workflows.keywords import takes
from plainres.workflows.requests import CompareRequest, StudyRequest
from plainres.workflows.settings_file import settings_text
from plainres.workflows.tune import StudyResults, carry_out_studies

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.analysis.judged_sweep import JudgedSweep


@takes(CompareRequest, "depths", "arms", "seeds")
def compare(
    request: CompareRequest, *, tuned: StudyResults | Studies | bool | None = None, progress: bool = True
) -> "JudgedSweep":
    """Train every arm at every depth with every seed alike, and judge whether depth degrades plain networks.

    What `python -m experiments.degradation` does, with the same defaults, store and runs: what either has trained, the
    other finds finished. Interrupted, the next call goes on where this one was. The question and the networks are
    those of He et al. 2015, section 4. Settings that are left out come from the data set's recipe.

    Args:
        tuned: What `tune` gave: each network is trained at the values that its studies found best.
            True for the studies of the default storage.
        progress: Show bars while it trains, in a notebook or a terminal; elsewhere print a line on stderr for each run.

    Returns:
        The sweep as the store has it: table, runs, curves, verdict and figures.

    Raises:
        BadInput (a ValueError): it can't be trained or stored; one line says why, and nothing was written.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next call.
    """
    studies = _studies(tuned)
    of_studies = {"tuned": True, "storage": studies.storage, "study_name": studies.prefix} if studies else None
    request = replace(request, settings_file=settings_text(request, "plainres.compare", of_studies))
    return carry_out(request, _console(progress=progress), studies)


@takes(StudyRequest, "depths", "arms", "trials")
def tune(request: StudyRequest, *, progress: bool = True) -> StudyResults:
    """Tune learning rate and batch size of every arm at every depth, each in studies of its own, all alike.

    What `python -m studies.lr_batch_size` does, with the same defaults, storage and runs. Interrupted, the next call
    goes on where this one was. Settings that are left out come from the data set's recipe, and what is searched is the
    first trial's.

    Args:
        progress: Show bars while it trains, in a notebook or a terminal; elsewhere print a line on stderr for each run.

    Returns:
        What the studies came to, which `compare` takes as `tuned`.

    Raises:
        BadInput (a ValueError): it can't be tuned or stored; one line says why, and nothing was written.
        StoreAway, StudiesFail: a store was lost; the next call goes on when it's back.
    """
    return carry_out_studies(request, _console(progress=progress))


def load_sweep(
    run_id: str | None = None, tracking_uri: str | None = None, margin: float = CompareRequest.margin
) -> "JudgedSweep":
    """Read a sweep out of the tracking store, whoever trained it.

    Args:
        run_id: of its parent run, as `plainres sweeps` and MLflow's UI show it; the last sweep's by default.
        tracking_uri: of the store; MLFLOW_TRACKING_URI or mlflow.db here by default.
        margin: smallest change of the training error that counts, in percentage points.

    Raises:
        BadInput (a ValueError): the store can't be reached, has no such run or no sweep, or the run is no sweep's
            parent.
    """
    if run_id is None:
        run_id = last_sweep(tracking_uri)
    if not isinstance(run_id, str):
        raise BadInput(f"run id {run_id!r} is no text")
    return read_back(run_id, tracking_uri, typed(options_of(CompareRequest)["margin"], margin))


def _console(*, progress: bool) -> "Console":
    """Where progress is shown: on stderr, since what a script prints is its own."""
    from rich.console import Console

    from plainres.screen.console import console

    if Console().is_jupyter:
        return Console(quiet=True, force_jupyter=progress)  # bars in a notebook need no console
    return console(stderr=True) if progress else Console(quiet=True)


def _studies(tuned: StudyResults | Studies | bool | None) -> Studies | None:
    if isinstance(tuned, StudyResults):
        return Studies(tuned.storage, tuned.study_name)
    if tuned is True:
        return Studies()
    if tuned is None or tuned is False or isinstance(tuned, Studies):
        return tuned or None
    raise BadInput(f"tuned {tuned!r} is neither what plainres.tune gave nor True")
