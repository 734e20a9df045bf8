"""What a person sees while a sweep trains: bars in a terminal, lines elsewhere."""

import math
import time
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from plainres.config import RunConfig
from plainres.running.events import Event, Failed, Finished, Notice
from plainres.running.events import Progress as RunProgress

SECONDS_BETWEEN_LINES = 30


class Display(AbstractContextManager["Display"], Protocol):
    """Shows the events of a sweep as they come."""

    def show(self, event: Event) -> None:
        """Take in one event."""


def make_display(console: Console, configs: list[RunConfig]) -> Display:
    """The display that suits the console, for the runs that are yet to be trained."""
    return LiveDisplay(console, configs) if console.is_terminal else PlainDisplay(console, configs)


class Clock:
    """The time to completion, from the share of the work done: an epoch's work grows with the depth."""

    def __init__(self, configs: list[RunConfig]) -> None:
        self.started: float | None = None
        self.epochs_left = {config: config.epochs for config in configs}
        self.total = self._work_left()

    def count(self, event: Event) -> None:
        """Take in one event."""
        self.started = self.started or time.monotonic()  # the first run's start: imports come before it
        trained = event.epoch if isinstance(event, RunProgress) else event.config.epochs
        self.epochs_left[event.config] = event.config.epochs - trained

    @property
    def remaining(self) -> str:
        """As `1:30 left`, empty before the first epoch."""
        left = self._work_left()
        if self.started is None or left == self.total:
            return ""
        elapsed = time.monotonic() - self.started
        return f"{clock_time(elapsed * left / (self.total - left))} left"

    def _work_left(self) -> int:
        return sum(epochs * config.depth for config, epochs in self.epochs_left.items())


class PlainDisplay(Display):
    """One line for every run that ends, and now and then one for a run that goes on."""

    def __init__(self, console: Console, configs: list[RunConfig]) -> None:
        self.console = console
        self.clock = Clock(configs)
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
        self.clock.count(event)
        if isinstance(event, RunProgress):
            if math.isnan(event.loss) or time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES:
                return
            text = f"epoch {event.epoch}/{event.config.epochs}  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
        else:
            self.ended += 1
            text = outcome_text(event)
        self.last_line = time.monotonic()
        self.console.print(
            f"[{self.ended}/{self.runs}] {name:<22} {text}  {self.clock.remaining}".rstrip(),
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


class LiveDisplay(Display):
    """A bar for the whole sweep and one for each running net."""

    def __init__(self, console: Console, configs: list[RunConfig]) -> None:
        self.clock = Clock(configs)
        self.overall = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[remaining]}"),
        )
        self.sweep = self.overall.add_task("sweep", total=len(configs), remaining="")
        self.running = Progress(
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
        self.clock.count(event)
        self.overall.update(self.sweep, remaining=self.clock.remaining)
        if isinstance(event, RunProgress):
            if name not in self.tasks:
                self.tasks[name] = self.running.add_task(name, total=event.config.epochs, state="starting")
            if not math.isnan(event.loss):
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


def clock_time(seconds: float) -> str:
    """Seconds as `1:30` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
