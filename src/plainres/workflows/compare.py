"""One comparison, whole: check what is asked for, train what the store lacks, and judge what it then holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.launchers.choice import begin_imports_of, check_launch, make_launcher
from plainres.running.folders import checkpoint_root
from plainres.settings import LaunchSettings
from plainres.settings.recipes import recipe_of
from plainres.settings.thresholds import MARGIN, check_margin
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.configure import identified
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.sweeps.tuned import to_params, tuned_settings
from plainres.system.garbage import uncollected
from plainres.tracking.store import check_experiment_name, check_store, run_exists, tracking_uri
from plainres.tuning.best import tuned_values
from plainres.tuning.definition import DEFAULT_PREFIX
from plainres.tuning.storage import DEFAULT_STORAGE

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.analysis.judged_sweep import JudgedSweep


@dataclass(frozen=True)
class Studies:
    """Where the studies are whose values networks are trained at: their storage, and what their names begin with."""

    storage: str = DEFAULT_STORAGE
    prefix: str = DEFAULT_PREFIX


@dataclass(frozen=True)
class Request:
    """What is to be compared, and how that is carried out; the defaults are those of the command and of Python.

    Attributes:
        depths: weighted layers on the main path.
        arms: what is compared, as `plainres.sweeps.arms.parse_arm` reads them.
        seeds: of initial weights and order of the images; a run each.
        settings: those of `plainres.sweeps.configure.configure`.
        margin: smallest change of the training error that counts, in percentage points.
        tuned: the studies that the values of what was searched come from, if they do.
        launch: where runs are trained.
        jobs: runs trained side by side by this machine; None for one a core on the CPU, or one a GPU.
        experiment_name: of the MLflow experiment that the runs belong to.
        fresh: whether finished runs are trained anew.
        checkpoint_every: epochs between two checkpoints; 0 for as often as costs little.
        checkpoint_dir: where the checkpoints lie; None for `mlruns/checkpoints` beside the store.
    """

    depths: tuple[int, ...] = (18, 34, 50)
    arms: tuple[str, ...] = ("plain", "residual")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    settings: Mapping[str, Any] = field(default_factory=dict)
    margin: float = 100 * MARGIN
    tuned: Studies | None = None
    launch: LaunchSettings = field(default_factory=LaunchSettings)
    jobs: int | None = None
    experiment_name: str = "degradation"
    fresh: bool = False
    checkpoint_every: int = 0
    checkpoint_dir: str | None = None


def carry_out(request: Request, console: "Console") -> "JudgedSweep":
    """Train the runs that the store lacks, going on with those that were interrupted; the sweep as the store has it.

    Raises:
        BadInput: what is asked for can't be trained or stored; nothing has been written then.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next time.
    """
    check_margin(request.margin)
    sweep = _plan(request, request.settings)
    check_launch(request.launch, request.jobs, sweep.configs[0])
    check_experiment_name(request.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    checkpoints = checkpoint_root(request.checkpoint_dir, request.checkpoint_every, uri)
    settings = identified(request.settings)
    sweep = _plan(request, settings)
    if request.tuned is not None:
        sweep = _tuned(request, request.tuned, sweep, settings)
    return _train(sweep, request, uri, checkpoints, console)


def read_back(
    parent_run_id: str, uri: str | None = None, margin: float = Request.margin, *, rebuild: bool = False
) -> "JudgedSweep":
    """A sweep out of the store by the id of its parent run; with `rebuild` its report is stored anew.

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
    check_store(uri)
    if not run_exists(uri, parent_run_id):
        raise BadInput(f"the tracking store has no run {parent_run_id!r}")
    return _judged(parent_run_id, uri, margin, rebuild=rebuild)


def _plan(request: Request, settings: Mapping[str, Any], **more: Any) -> Sweep:
    return plan_sweep(
        request.arms, request.depths, request.seeds, elsewhere=request.launch.elsewhere, **more, **settings
    )


def _tuned(request: Request, studies: Studies, sweep: Sweep, settings: Mapping[str, Any]) -> Sweep:
    """The sweep with the values that each network's studies found best; seeds take turns with the studies."""
    tuned = tuned_values(studies.storage, studies.prefix, sweep.configs)
    shared, searched = sweep.configs[0], tuned[0].near_values.keys()
    recipe = recipe_of(shared.recipe or shared.dataset)
    own = any(values.values.keys() & parse_arm(values.arm).settings.keys() for values in tuned)
    if own or any(getattr(shared, name) != recipe[name] for name in searched):
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in searched)
        raise BadInput(f"--tuned takes from the studies what was searched: leave out {flags}, and an arm's own")
    return _plan(request, settings, own=tuned_settings(tuned, request.seeds), notes=to_params(tuned))


def _train(sweep: Sweep, request: Request, uri: str, checkpoints: Path, console: "Console") -> "JudgedSweep":
    console.print(sweep.words, highlight=False, markup=False, soft_wrap=True)  # before imports that take seconds
    begin_imports_of(request.launch)
    with uncollected():
        import plainres.analysis.report  # noqa: F401  # now that workers import, not when the last run has ended
        from plainres.sweeps.run_sweep import run_sweep
        from plainres.tracking.outages import reaching_store
        from plainres.tracking.parents import has_report
        from plainres.tracking.runs import open_experiment

        first = sweep.configs[0]
        if facts_of(first.dataset).needs_files:
            from plainres.data import dataset_of

            dataset_of(first)  # before anything is written
        launcher = make_launcher(request.launch, request.jobs, first, checkpoints, console)
        experiment = open_experiment(uri, request.experiment_name)
    parent_run_id = run_sweep(
        sweep,
        experiment,
        launcher=launcher,
        fresh=request.fresh,
        console=console,
        checkpoints=checkpoints,
        checkpoint_every=request.checkpoint_every,
        meanwhile=partial(import_module, "plainres.analysis.figures"),  # takes a second; a second call draws nothing
    )
    with reaching_store():
        rebuild = not has_report(experiment, parent_run_id, request.margin)
    return _judged(parent_run_id, uri, request.margin, rebuild=rebuild)


@uncollected()
def _judged(parent_run_id: str, uri: str, margin: float, *, rebuild: bool) -> "JudgedSweep":
    from plainres.analysis.judged_sweep import load_judged
    from plainres.analysis.report import store_report
    from plainres.tracking.outages import reaching_store

    with reaching_store():
        judged = load_judged(parent_run_id, uri, margin / 100)
        if rebuild:
            store_report(judged, judged.verdict)
    return judged
