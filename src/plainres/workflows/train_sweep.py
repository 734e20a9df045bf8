"""Train a sweep for whoever asks: check what can be checked in an instant, plan once, train what the store lacks."""

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from plainres.data.catalogue import facts_of
from plainres.launchers.choice import begin_imports_of, check_launch, make_launcher
from plainres.running.folders import checkpoint_root
from plainres.settings import RunConfig
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.system.garbage import uncollected
from plainres.tracking.store import check_experiment_name, check_store, tracking_uri
from plainres.workflows.requests import LaunchedRequest, SweepRequest, TrackedRequest

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Place:
    """Says where runs are kept: the URI of the store, and the folder of all checkpoints."""

    uri: str
    checkpoints: Path


def check_place(request: TrackedRequest) -> Place:
    """Return the place of a request's runs.

    Raises:
        BadInput: they can't be stored there.
    """
    check_experiment_name(request.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    return Place(uri, checkpoint_root(request.checkpoint_dir, uri))


def check_launched(request: LaunchedRequest, config: RunConfig) -> Place:
    """Return the place of runs, of which this is one; raises BadInput if they can't be launched or stored."""
    check_launch(request.launch, request.jobs, config)
    return check_place(request)


def planned(request: SweepRequest) -> Sweep:
    """Plan the sweep that is asked for; raises BadInput as `plan_sweep` does."""
    return plan_sweep(
        request.arms, request.depths, request.seeds, elsewhere=request.launch.elsewhere, **request.run.values
    )


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
        meanwhile=partial(import_module, "plainres.analysis.figures"),  # takes a second; a second call draws nothing
    )


def check_images(*configs: RunConfig) -> None:
    """Read the images of runs, where they have files, before anything is written; raises BadInput if that fails."""
    if facts_of(configs[0].dataset).needs_files:
        from plainres.data import dataset_of

        for config in configs:
            dataset_of(config)
