"""Trains many runs by a launcher, and tells what happens as a stream of events."""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from plainres.launchers.launcher import Died, Launcher, Task, Told
from plainres.running.events import Elsewhere, Event, Failed, Notice, Outcome, Tell
from plainres.running.folders import Job
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal


def train_runs(
    configs: Sequence[RunConfig], launcher: Launcher, job: Job | Mapping[RunConfig, Job]
) -> Generator[Event, None, None]:
    """Train every configuration, each tracked as a child of the parent run of the job, or of its own job.

    Ends when every run has finished or failed; one that failed is tried once more, after the others. Closing the
    iterator, or an exception such as KeyboardInterrupt while it waits, makes the runs in flight write checkpoints and
    ends them as KILLED.

    Raises:
        AtOnce: a second interrupt, during that.
    """
    job_of = job if isinstance(job, Mapping) else dict.fromkeys(configs, job)
    tasks = deque(_task(config, job_of[config], patient=False) for config in configs)
    failed_once: set[RunConfig] = set()
    with closing(launcher.run(tasks)) as happenings:
        for happening in happenings:
            if happening is None:
                continue
            config: RunConfig = happening.task.about
            if isinstance(happening, Told):
                yield replace(happening.message, config=config)  # a job of another command has its own, which is equal
                continue
            if isinstance(happening, Died):
                end: Any = Failed(config, happening.reason, worth_a_retry=not happening.on_purpose)
            else:
                end = replace(happening.value, config=config)
            if isinstance(end, Elsewhere):
                yield Notice(config, "another process trains it: it is left for later")
                tasks.append(_task(config, job_of[config], patient=True))
            elif isinstance(end, Failed) and end.worth_a_retry and config not in failed_once:
                failed_once.add(config)
                yield Notice(config, f"{end.reason}; it is tried once more")
                tasks.append(_task(config, job_of[config], patient=True))
            else:
                yield end


def _task(config: RunConfig, job: Job, *, patient: bool) -> Task:
    key = f"{job.folder_of(config).path.name} {job.generation}".strip()
    return Task(config, partial(_train, config, job, patient=patient), key)


def _train(config: RunConfig, job: Job, *, patient: bool, tell: Tell, stop: StopSignal) -> Outcome:
    from plainres.running.tracked_run import train_run  # it imports torch, which the command itself does without

    return train_run(config, job, tell, patient=patient, stop=stop)
