"""What a person sees while a sweep trains: bars in a terminal, lines elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from plainres.running.clock import WorkersClock, clock_time
from plainres.running.events import Event, Failed, Finished, Notice, Progress, Started
from plainres.settings import RunConfig

SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_ESTIMATES = 0.5  # of the time left


class Display(AbstractContextManager["Display"], Protocol):
    """Shows the events of a sweep as they come."""

    def show(self, event: Event) -> None:
        """Take in one event."""


def make_display(console: Console, configs: list[RunConfig]) -> Display:
    """The display that suits the console, for the runs that are yet to be trained."""
    if console.is_jupyter:
        from plainres.running.notebook_display import NotebookDisplay

        return NotebookDisplay(configs)
    return LiveDisplay(console, configs) if console.is_terminal else PlainDisplay(console, configs)


class WorkLeft:
    """The work of a sweep, in epochs times depth: what is left of it, and how long that takes."""

    def __init__(self, configs: list[RunConfig], now: Callable[[], float] = time.monotonic) -> None:
        self.clock = WorkersClock(now)
        self.epochs_left = {config: config.epochs for config in configs}
        self.in_training: set[RunConfig] = set()

    def count(self, event: Started | Progress | Finished | Failed) -> None:
        """Take in one event.

        Only epochs that are trained now are work done: not those of a run that goes on, nor those that a run which
        diverged or failed doesn't train any more.
        """
        config = event.config
        if isinstance(event, Started):
            if config not in self.in_training:  # as one is that failed and is tried once more
                self.in_training.add(config)
                self.clock.change(1)
            self.epochs_left[config] = config.epochs - event.epoch
        elif isinstance(event, Progress):
            left = config.epochs - event.epoch
            self.clock.done += (self.epochs_left[config] - left) * config.depth
            self.epochs_left[config] = left
        else:
            if config in self.in_training:
                self.in_training.remove(config)
                self.clock.change(-1)
            self.epochs_left[config] = 0

    @property
    def seconds_left(self) -> float | None:
        """Until the last run has ended; None before the first epoch has."""
        left = {config: epochs * config.depth for config, epochs in self.epochs_left.items() if epochs}
        in_training = [left.pop(config) for config in self.in_training if config in left]
        return self.clock.seconds_left(in_training, left.values())

    @property
    def remaining(self) -> str:
        """As `1:30 left`, empty before the first epoch."""
        seconds = self.seconds_left
        return "" if seconds is None else f"{clock_time(seconds)} left"


class PlainDisplay(Display):
    """One line for every run that ends, and now and then one for a run that goes on."""

    def __init__(self, console: Console, configs: list[RunConfig]) -> None:
        self.console = console
        self.work = WorkLeft(configs)
        self.runs = len(configs)
        self.ended = 0
        self.last_line = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Nothing is left to tidy."""

    def show(self, event: Event) -> None:
        """Print a line, or none."""
        name = event.config.name
        if isinstance(event, Notice):
            self.console.print(f"{name}: {event.text}", highlight=False, markup=False, soft_wrap=True)
            return
        self.work.count(event)
        if isinstance(event, Started):
            return
        if isinstance(event, Progress):
            if time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES:
                return
            text = f"epoch {event.epoch}/{event.config.epochs}  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
        else:
            self.ended += 1
            text = outcome_text(event)
        self.last_line = time.monotonic()
        self.console.print(
            f"[{self.ended}/{self.runs}] {name:<22} {text}  {self.work.remaining}".rstrip(),
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


class LiveDisplay(Display):
    """A bar for the whole sweep and one for each running net."""

    def __init__(self, console: Console, configs: list[RunConfig]) -> None:
        self.work = WorkLeft(configs)
        self.estimated = 0.0
        self.overall = Bars(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[remaining]}"),
        )
        self.sweep = self.overall.add_task("sweep", total=len(configs), remaining="")
        self.running = Bars(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=20),
            TextColumn("epoch"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
        )
        self.tasks: dict[str, TaskID] = {}
        self.live = Live(Group(self.overall, self.running), console=console)

    def __enter__(self) -> "LiveDisplay":
        """Start drawing."""
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing; the last state stays on the screen."""
        self.live.stop()

    def show(self, event: Event) -> None:
        """Move the bars; a run that ended leaves one line above them."""
        name = event.config.name
        if isinstance(event, Notice):
            self.live.console.print(f"{name}: {event.text}", highlight=False, markup=False)
            return
        self.work.count(event)
        if time.monotonic() - self.estimated > SECONDS_BETWEEN_ESTIMATES:  # thousands of runs take milliseconds
            self.estimated = time.monotonic()
            self.overall.update(self.sweep, remaining=self.work.remaining)
        if isinstance(event, Started):
            if name in self.tasks:  # of a try that failed
                self.running.remove_task(self.tasks[name])
            self.tasks[name] = self.running.add_task(
                name, total=event.config.epochs, completed=event.epoch, state="starting"
            )
        elif isinstance(event, Progress):
            state = f"loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            self.running.update(self.tasks[name], completed=event.epoch, state=state)
        else:
            if name in self.tasks:
                self.running.remove_task(self.tasks.pop(name))
            self.overall.advance(self.sweep)
            self.live.console.print(f"{name:<22} {outcome_text(event)}", highlight=False, markup=False)


def outcome_text(event: Finished | Failed) -> str:
    """How a run ended, in a few words."""
    if isinstance(event, Finished):
        diverged = f", diverged in epoch {event.diverged}" if event.diverged else ""
        return f"training error {event.train_error:.2%}{diverged}"
    return f"failed: {event.reason}"
