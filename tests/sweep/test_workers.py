import multiprocessing
import os
import signal
from collections.abc import Callable

from plainres.config import RunConfig
from plainres.sweep.workers import Failed, Finished, Progress, train_side_by_side
from plainres.tracking.runs import open_experiment
from plainres.tracking.source import Source


def test_a_killed_worker_fails_its_run_and_no_other(store: str, tiny: Callable[..., RunConfig]) -> None:
    experiment = open_experiment(store, "somewhere")
    parent = experiment.client.create_run(experiment.experiment_id).info.run_id
    doomed, other = tiny(seed=0, epochs=50), tiny(seed=1)
    events = []
    for event in train_side_by_side([doomed, other], 1, experiment, parent, Source("", "")):
        events.append(event)
        if event.config == doomed and isinstance(event, Progress) and event.epoch == 0:
            (worker,) = [child for child in multiprocessing.active_children() if "Manager" not in child.name]
            assert worker.pid
            os.kill(worker.pid, signal.SIGKILL)
    ends = {event.config: event for event in events if not isinstance(event, Progress)}
    assert isinstance(ends[doomed], Failed)
    assert isinstance(ends[other], Finished)
    assert experiment.client.get_run(ends[other].run_id).info.status == "FINISHED"
