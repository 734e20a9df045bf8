"""Run a sweep: take what the store has, train the rest, note on the parent run which runs belong to it."""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from rich.console import Console

from plainres.errors import StoreAway
from plainres.launchers.launcher import AtOnce, Launcher
from plainres.launchers.train_runs import train_runs
from plainres.names import SETTINGS_FILE, SETTINGS_TAG
from plainres.running.events import Failed, Finished
from plainres.running.folders import Job, RunFolder, run_folder
from plainres.running.shown_runs import shown_runs
from plainres.settings import RunConfig
from plainres.sweeps.plan import Sweep
from plainres.tracking.artifacts import artifact_sizes, log_text
from plainres.tracking.outages import PATIENCE, keep_trying, reaching_store
from plainres.tracking.parents import add_members, open_parent
from plainres.tracking.runs import Experiment, began_on_other_images, end_if_open, finished_runs, open_runs, set_status
from plainres.tracking.shared_view import store_view, view_name
from plainres.tracking.source import current_source
from plainres.tracking.store import browse_hint


def run_sweep(
    sweep: Sweep,
    experiment: Experiment,
    *,
    launcher: Launcher,
    fresh: bool,
    console: Console,
    checkpoints: Path,
    checkpoint_every: int = 0,
    any_code: bool = False,
    settings_file: str = "",
    meanwhile: Callable[[], object] = lambda: None,
) -> str:
    """Train the runs of a sweep that aren't finished yet, or with `fresh` all of them; the id of its parent run.

    Runs that were interrupted go on from their checkpoints. An interrupt ends the parent run and the runs in flight
    as KILLED. A run that fails doesn't stop the others. `meanwhile` is called when the first has begun, and the text
    `settings_file`, if there is any, is stored with the parent run.

    Raises:
        StoreAway: the store went away and isn't back; what it lacks is kept for the next time.
    """
    source = current_source()
    folders = {
        config: run_folder(checkpoints, experiment.tracking_uri, experiment.experiment_id, config)
        for config in sweep.configs
    }
    with reaching_store():
        parent = open_parent(
            experiment, sweep.sweep_hash, sweep.params, source, fresh=fresh, settings_hash=sweep.settings_hash
        )
        finished = finished_runs(experiment, sweep.configs, parent.generation)
    todo = [config for config in sweep.configs if config not in finished]
    with reaching_store():
        if todo and began_on_other_images(experiment, todo[0]):
            console.print(f"The images in {todo[0].data_dir} have changed: runs on those of before don't count.")
    if finished:
        console.print(f"{len(finished)} of {len(sweep.configs)} are in the store already.", highlight=False)
    unnoted = list(finished.items())
    left = {config: folders[config] for config, _ in unnoted if folders[config].path.exists()}
    with reaching_store():
        _end_left(experiment, left, "KILLED")  # of processes that died, and whose runs others have finished
    for config, folder in left.items():
        folder.clear(finished[config], parent.generation)  # by a process that died when it had just finished the run

    def note_members() -> None:
        if unnoted:
            add_members(experiment, parent, unnoted)
            unnoted.clear()

    tags = {SETTINGS_TAG: sweep.settings_hash}
    view = view_name({**tags, **parent.tags}, sweep.params)
    job = Job(experiment, parent.run_id, parent.generation, source, checkpoints, checkpoint_every, tags, any_code)
    failures = 0
    try:
        with reaching_store():
            note_members()
            if settings_file and (todo or SETTINGS_FILE not in artifact_sizes(experiment.tracking_uri, parent.run_id)):
                log_text(experiment.tracking_uri, parent.run_id, settings_file, SETTINGS_FILE)
            if todo:
                set_status(experiment, parent.run_id, "RUNNING")
                store_view(experiment.client, experiment.experiment_id, view, sweep.arms, sweep.depths)
        if todo:
            watch = browse_hint(experiment.tracking_uri, experiment.experiment_id, view)
            console.print(f"Watch: {watch}", highlight=False, markup=False, soft_wrap=True)
        training, names = train_runs(todo, launcher, job), {config: config.name for config in todo}
        with closing(shown_runs(training, names, console)) as events:
            for number, event in enumerate(events):
                if not number:
                    meanwhile()
                failures += isinstance(event, Failed)
                if isinstance(event, Finished):
                    unnoted.append((event.config, event.run_id))
                    with suppress(StoreAway), reaching_store():
                        note_members()
    except AtOnce:
        raise
    except BaseException:
        if launcher.outlives:
            raise
        with suppress(StoreAway), reaching_store():
            _end(experiment, parent.run_id, folders, "KILLED")
        raise
    if todo or not parent.finished:
        keep_trying(note_members, PATIENCE)
        keep_trying(lambda: _end(experiment, parent.run_id, folders, "FAILED" if failures else "FINISHED"), PATIENCE)
    return parent.run_id


def _end(experiment: Experiment, parent_run_id: str, folders: dict[RunConfig, RunFolder], status: str) -> None:
    """End the parent run, and those runs of this folder's that no process trains any more."""
    _end_left(experiment, folders, "KILLED" if status == "KILLED" else "FAILED")
    set_status(experiment, parent_run_id, status)


def _end_left(experiment: Experiment, folders: dict[RunConfig, RunFolder], status: str) -> None:
    """End those runs of these folders that no process trains any more."""
    left = open_runs(experiment) if folders else {}
    for folder in folders.values():
        attempt = folder.attempt
        if attempt in left:
            with folder.held() as held:
                if held:
                    end_if_open(experiment, left[attempt], status)
