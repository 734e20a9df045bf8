"""Run a sweep: take what the store has, train the rest, note on the parent run which runs belong to it."""

from rich.console import Console

from plainres.sweep.display import make_display
from plainres.sweep.plan import Sweep
from plainres.sweep.workers import Failed, Finished, train_side_by_side
from plainres.tracking.runs import Experiment, add_member, end_open_children, finished_run, open_parent, set_status
from plainres.tracking.source import current_source


def run_sweep(sweep: Sweep, experiment: Experiment, *, jobs: int, fresh: bool, console: Console) -> str:
    """Train the runs of a sweep that aren't finished yet, or with `fresh` all of them; the id of its parent run.

    An interrupt ends the parent run and the runs in flight as KILLED. A run that fails doesn't stop the others.
    """
    source = current_source()
    parent = open_parent(experiment, sweep.sweep_hash, sweep.params, source, fresh=fresh)
    todo = []
    for config in sweep.configs:
        run_id = finished_run(experiment, config, parent.since)
        if run_id is None:
            todo.append(config)
        else:
            add_member(experiment, parent.run_id, config, run_id)
    if todo:
        set_status(experiment, parent.run_id, "RUNNING")
    failures = 0
    try:
        with make_display(console, todo) as display:
            for event in train_side_by_side(todo, jobs, experiment, parent.run_id, source):
                display.show(event)
                if isinstance(event, Finished):
                    add_member(experiment, parent.run_id, event.config, event.run_id)
                failures += isinstance(event, Failed)
    except BaseException:
        end_open_children(experiment, parent.run_id, "KILLED")
        set_status(experiment, parent.run_id, "KILLED")
        raise
    if todo or not parent.finished:
        end_open_children(experiment, parent.run_id, "FAILED")
        set_status(experiment, parent.run_id, "FAILED" if failures else "FINISHED")
    return parent.run_id
