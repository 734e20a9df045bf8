"""Runs trained by a launcher, shown to a person meanwhile."""

from collections.abc import Generator, Mapping
from contextlib import closing

from rich.console import Console

from plainres.launchers.launcher import Launcher
from plainres.launchers.train_runs import train_runs
from plainres.running.display import OWN_NAME, NameOf, make_display
from plainres.running.events import Event
from plainres.running.job import Job
from plainres.settings import RunConfig


def shown_runs(
    configs: list[RunConfig],
    launcher: Launcher,
    job: Job | Mapping[RunConfig, Job],
    console: Console,
    name_of: NameOf = OWN_NAME,
) -> Generator[Event, None, None]:
    """As `plainres.launchers.train_runs.train_runs`, each event shown; nothing is begun for no runs."""
    if configs:
        with make_display(console, configs, name_of) as display, closing(train_runs(configs, launcher, job)) as events:
            for event in events:
                display.show(event)
                yield event
