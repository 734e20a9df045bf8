"""Carry out one comparison: check what is asked for, train what the store lacks, and judge what it then holds."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput
from plainres.launchers.choice import begin_imports_of, make_launcher
from plainres.settings.recipes import recipe_of
from plainres.settings.thresholds import check_margin, fewest_seeds
from plainres.settings.values import flag
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.plan import Sweep, on_known_images, plan_sweep, verdict_lacks, with_own
from plainres.sweeps.tuned import to_params, tuned_settings
from plainres.system.garbage import uncollected
from plainres.tracking.store import check_store, run_exists, tracking_uri
from plainres.tuning.best import tuned_values
from plainres.tuning.definition import DEFAULT_PREFIX
from plainres.tuning.space import SEARCHABLE
from plainres.tuning.storage import DEFAULT_STORAGE
from plainres.workflows.requests import (
    CompareRequest,
    LaunchedRequest,
    Place,
    SweepRequest,
    check_images,
    check_launched,
)

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.analysis.judged_sweep import JudgedSweep
    from plainres.analysis.results import SweepResults


@dataclass(frozen=True)
class Studies:
    """Names the studies whose values networks are trained at: their storage, and what their names begin with."""

    storage: str = DEFAULT_STORAGE
    prefix: str = DEFAULT_PREFIX


def carry_out(
    request: CompareRequest,
    console: "Console",
    tuned: Studies | None = None,
    *,
    report: bool = True,
    verdict: bool = True,
) -> "JudgedSweep":
    """Train the runs that the store lacks, going on with those that were interrupted; the sweep as the store has it.

    Args:
        request: what is asked for.
        console: where progress is shown.
        tuned: the studies that the values of what was searched come from, if they do.
        report: whether its report is stored; not where an experiment asks of the sweep what its verdict doesn't.
        verdict: whether a verdict is asked for; if so, it's said first where none can come of the sweep.

    Raises:
        BadInput: what is asked for can't be trained or stored; nothing has been written then.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next time.
    """
    sweep = planned(request)
    place = check_launched(request, sweep.configs[0])
    sweep = on_known_images(sweep)
    if tuned is not None:
        sweep = _tuned(sweep, tuned)
    lacking = verdict_lacks(sweep.arms, sweep.depths, sweep.seeds, fewest_seeds())
    if verdict and report and lacking:
        said = f"No verdict can come of this: it needs {' and '.join(lacking)}."
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    console.print(sweep.words, highlight=False, markup=False, soft_wrap=True)  # before imports that take seconds
    parent_run_id = train_sweep(sweep, request, place, console, fresh=request.fresh)
    return _judged(parent_run_id, place.uri, request.margin, rebuild=None if report else False)


def planned(request: SweepRequest) -> Sweep:
    """Plan the sweep that is asked for; raises BadInput as `plan_sweep` does."""
    return plan_sweep(
        request.arms, request.depths, request.seeds, elsewhere=request.launch.elsewhere, **request.run.values
    )


def check_left_out(sweep: Sweep, taken: Collection[str]) -> None:
    """Raise BadInput if settings that are taken from studies are given to a sweep as well, or to one of its arms."""
    shared: Mapping[str, Any] = sweep.settings.values
    recipe = recipe_of(shared["recipe"] or shared["dataset"])
    searched = [name for name in SEARCHABLE if name in taken]
    own = any(parse_arm(arm).settings.keys() & taken for arm in sweep.arms)
    if own or any(shared[name] != recipe[name] for name in searched):
        flags = " and ".join(map(flag, searched))
        raise BadInput(f"--tuned takes from the studies what was searched: leave out {flags}, and an arm's own")


def train_sweep(sweep: Sweep, request: LaunchedRequest, place: Place, console: "Console", *, fresh: bool) -> str:
    """Train the runs that the store lacks, or with `fresh` all of them; the id of the sweep's parent run.

    Raises:
        BadInput: the images can't be read, or a cluster refuses; nothing has been written then.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next time.
    """
    begin_imports_of(request.launch)
    with uncollected():
        import plainres.analysis.report  # noqa: F401  # now that workers import, not when the last run has ended
        from plainres.sweeps.run_sweep import run_sweep
        from plainres.tracking.runs import open_experiment

        first = sweep.configs[0]
        check_images(first)
        launcher = make_launcher(request.launch, request.jobs, first, place.checkpoints, console)
        experiment = open_experiment(place.uri, request.experiment_name)
    return run_sweep(
        sweep,
        experiment,
        launcher=launcher,
        fresh=fresh,
        console=console,
        checkpoints=place.checkpoints,
        checkpoint_every=request.checkpoint_every,
        any_code=request.any_code,
        settings_file=request.settings_file,
        meanwhile=partial(import_module, "plainres.analysis.figures"),  # takes a second; a second call draws nothing
    )


def read_back(
    parent_run_id: str, uri: str | None = None, margin: float = CompareRequest.margin, *, rebuild: bool = False
) -> "JudgedSweep":
    """Read a sweep out of the store by the id of its parent run; with `rebuild` its report is stored anew.

    Args:
        parent_run_id: as the command's last lines and MLflow's UI show it.
        uri: of the store; MLFLOW_TRACKING_URI or mlflow.db here by default.
        margin: smallest change of the training error that counts, in percentage points.
        rebuild: whether a report is made.

    Raises:
        BadInput: the store can't be reached, or has no such run, or the run is no sweep's parent.
    """
    check_margin(margin)
    uri = uri or tracking_uri()
    check_store(uri, writes=rebuild)
    if not run_exists(uri, parent_run_id):
        raise BadInput(f"the tracking store has no run {parent_run_id!r}")
    return _judged(parent_run_id, uri, margin, rebuild=rebuild)


def last_sweep(uri: str | None = None) -> str:
    """Return the id of the parent run of the sweep asked for last; raises BadInput where the store has none."""
    uri = uri or tracking_uri()
    check_store(uri, writes=False)
    from plainres.analysis.stored_sweeps import stored_sweeps
    from plainres.tracking.outages import reaching_store

    with reaching_store():
        sweeps = stored_sweeps(uri)
    if not sweeps:
        raise BadInput("the tracking store holds no sweep yet")
    return sweeps[0].run_id


def store_beside(sweep: "SweepResults", write: Callable[[Path], None]) -> None:
    """Store the files that `write` makes in a folder beside the sweep's report."""
    from plainres.tracking.artifacts import log_artifact
    from plainres.tracking.outages import reaching_store

    with TemporaryDirectory() as folder:
        write(Path(folder))
        with reaching_store():
            log_artifact(sweep.tracking_uri, sweep.parent_run_id, Path(folder))


def _tuned(sweep: Sweep, studies: Studies) -> Sweep:
    """The sweep with the values that each network's studies found best; seeds take turns with the studies."""
    tuned = tuned_values(studies.storage, studies.prefix, sweep.configs)
    check_left_out(sweep, {name for each in tuned for name in each.values})
    return with_own(sweep, tuned_settings(tuned, sweep.seeds), to_params(tuned))


@uncollected()
def _judged(parent_run_id: str, uri: str, margin: float, *, rebuild: bool | None = None) -> "JudgedSweep":
    """The sweep as the store has it, its report stored anew: with `rebuild`, or if that is None where it lacks one."""
    from plainres.analysis.judged_sweep import load_judged
    from plainres.analysis.report import store_report
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import has_report
    from plainres.tracking.runs import Experiment

    with reaching_store():
        judged = load_judged(parent_run_id, uri, margin / 100)
        if rebuild is None:
            rebuild = not has_report(Experiment(uri, judged.experiment_id), parent_run_id, margin)
        if rebuild:
            store_report(judged, judged.verdict)
    return judged
