import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainres.launchers.launcher import Happening, Launcher, Returned, Task, Told
from plainres.launchers.local_launcher import LocalLauncher
from plainres.launchers.train_runs import train_runs
from plainres.running.events import Failed, Finished, Notice, Progress, Started
from plainres.running.folders import Job
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal
from tests.faults.stored import loading_processes, processes_at
from tests.faults.waiting import eventually


def train(configs: list[RunConfig], job: Job, kills: int) -> list[Finished | Failed | Notice]:
    """Train one after the other, and kill the worker of the first run so many times in the middle of an epoch."""
    events = []
    for event in train_runs(configs, LocalLauncher(1), job):
        if isinstance(event, Progress):
            if event.config == configs[0] and event.epoch == 2 and kills:
                kills -= 1
                os.kill(worker(job), signal.SIGKILL)
        elif not isinstance(event, Started):
            events.append(event)
    return events


def worker(job: Job) -> int:
    """The process that trains: it has a journal open, as have those that load its images."""
    (pid,) = set(processes_at(job.checkpoints, "journal")) - loading_processes()
    return pid


class AnotherLauncher(Launcher):
    """Tasks travel as bytes, and what they tell comes all at once."""

    jobs = 1

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        while tasks:
            task = tasks.popleft()
            told: list[object] = []
            value = pickle.loads(pickle.dumps(task.call))(tell=told.append, stop=StopSignal())
            yield None
            yield from (Told(task, message) for message in told)
            yield Returned(task, value)


def test_runs_are_trained_by_any_launcher(job: Job, tiny: Callable[..., RunConfig], tmp_path: Path) -> None:
    good, bad = tiny(epochs=1), tiny(dataset="imagefolder", data_dir=str(tmp_path / "nowhere"))
    *_, progress, finished, failed = train_runs([good, bad], AnotherLauncher(), job)
    assert isinstance(progress, Progress)
    assert isinstance(finished, Finished)
    assert isinstance(failed, Failed)
    assert (progress.config, finished.config, failed.config) == (good, good, bad)


def test_what_a_job_of_other_flags_tells_is_of_the_run_that_was_asked_for(
    job: Job, tiny: Callable[..., RunConfig]
) -> None:
    asked, other = tiny(), replace(tiny(), data_workers=3)
    assert asked.config_hash == other.config_hash

    class Found(AnotherLauncher):
        def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
            task = tasks.popleft()
            yield Told(task, Started(other, 4))
            yield Returned(task, Finished(other, "id", {}))

    assert list(train_runs([asked], Found(), job)) == [Started(asked, 4), Finished(asked, "id", {})]


def test_a_run_whose_worker_was_killed_is_tried_once_more(
    job: Job, tiny: Callable[..., RunConfig], device: str
) -> None:
    epochs = 30 if device == "cpu" else 100  # so that it's still at work when the kill comes
    killed, other = tiny(seed=0, epochs=epochs, train_images=600, device=device), tiny(seed=1, device=device)
    notice, *ends = train([killed, other], job, kills=1)
    assert isinstance(notice, Notice)
    assert "tried once more" in notice.text
    assert {end.config for end in ends if isinstance(end, Finished)} == {killed, other}
    (run_id,) = (end.run_id for end in ends if isinstance(end, Finished) and end.config == killed)
    history = job.experiment.client.get_metric_history(run_id, "loss/train")
    assert sorted(entry.step for entry in history) == list(range(1, epochs + 1))


def test_a_run_whose_workers_are_killed_fails_and_no_other(job: Job, tiny: Callable[..., RunConfig]) -> None:
    doomed, other = tiny(seed=0, epochs=200), tiny(seed=1)
    job = replace(job, checkpoint_every=1000)  # the second try begins anew and comes to epoch 2 as well
    ends = {event.config: event for event in train([doomed, other], job, kills=2) if not isinstance(event, Notice)}
    assert isinstance(ends[doomed], Failed)
    assert isinstance(ends[other], Finished)
    assert job.experiment.client.get_run(ends[other].run_id).info.status == "FINISHED"


def test_closing_the_iterator_stops_the_runs_in_flight(job: Job, tiny: Callable[..., RunConfig]) -> None:
    events = train_runs([tiny(epochs=5000)], LocalLauncher(1), job)
    assert any(isinstance(event, Progress) and event.epoch == 2 for event in events)
    events.close()
    (run,) = job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")
    assert run.info.status == "KILLED"
    assert len(list(job.checkpoints.glob("*/epoch-*.pt"))) == 2


def test_a_killed_run_whose_images_are_streamed_goes_on_and_leaves_no_decoders(
    job: Job, tiny: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(20):
                pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{number}.png")
    settings = {"dataset": "imagefolder", "data_dir": str(tmp_path), "recipe": "digits", "batch_size": 8}
    monkeypatch.setenv("HOME", str(tmp_path))  # the cache's
    before = loading_processes()
    *_, notice, end = train([tiny(**settings, stream="always", epochs=8)], job, kills=1)
    assert isinstance(notice, Notice)
    assert "goes on after epoch" in notice.text
    assert isinstance(end, Finished)
    history = job.experiment.client.get_metric_history(end.run_id, "loss/train")
    assert sorted(entry.step for entry in history) == list(range(1, 9))
    eventually(lambda: loading_processes() <= before, 10)


@pytest.mark.cuda
def test_several_runs_share_a_gpu(job: Job, tiny: Callable[..., RunConfig]) -> None:
    configs = [tiny(seed=seed, device="cuda") for seed in range(3)]
    ends = [event for event in train_runs(configs, LocalLauncher(3), job) if isinstance(event, Finished | Failed)]
    assert {end.config for end in ends if isinstance(end, Finished)} == set(configs)
