"""What a person sees while a sweep trains: bars in a terminal, lines elsewhere."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from plainres.running.events import Event, Failed, Finished, Notice, Progress, Started
from plainres.screen.clock import WorkersClock, clock_time
from plainres.settings import RunConfig

NameOf = Callable[[RunConfig], str]
OWN_NAME: NameOf = attrgetter("name")

SECONDS_BETWEEN_LINES = 30
GAP = 2  # columns between a bar and what stands beside it
SHORTEST_BAR, LONGEST_BAR = 5, 20  # columns


class Display(AbstractContextManager["Display"], Protocol):
    """Shows the events of a sweep as they come."""

    def show(self, event: Event) -> None:
        """Take in one event."""


def make_display(console: Console, configs: list[RunConfig], name_of: NameOf = OWN_NAME) -> Display:
    """The display that suits the console, for the runs that are yet to be trained."""
    if console.is_jupyter:
        from plainres.running.notebook_display import NotebookDisplay

        return NotebookDisplay(configs, name_of)
    return (LiveDisplay if can_redraw(console) else PlainDisplay)(console, configs, name_of)


def can_redraw(console: Console) -> bool:
    """Whether what stands on the screen may be drawn anew.

    Not where it is no terminal, or one whose output a machine reads (CI) or nothing but text is wanted (NO_COLOR).
    """
    return console.is_terminal and not console.no_color and not os.environ.get("CI")


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

    def __init__(self, console: Console, configs: list[RunConfig], name_of: NameOf = OWN_NAME) -> None:
        self.console = console
        self.name_of = name_of
        self.work = WorkLeft(configs)
        self.runs = len(configs)
        self.ended = 0
        self.last_line = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Nothing is left to tidy."""

    def show(self, event: Event) -> None:
        """Print a line, or none."""
        name = self.name_of(event.config)
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

    def __init__(self, console: Console, configs: list[RunConfig], name_of: NameOf = OWN_NAME) -> None:
        self.name_of = name_of
        self.work = WorkLeft(configs)
        self.runs = len(configs)
        self.ended = 0
        self.started = time.monotonic()
        self.running: dict[RunConfig, Bar] = {}
        self.live = Live(self, console=console)

    def __enter__(self) -> "LiveDisplay":
        """Start drawing."""
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing; the last state stays on the screen."""
        self.live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        elapsed = clock_time(time.monotonic() - self.started)
        facts = f"{self.ended}/{self.runs} runs  {elapsed}  {self.work.remaining}".rstrip()
        yield from drawn([Bar("sweep", self.ended, self.runs, facts), *self.running.values()], options.max_width)

    def show(self, event: Event) -> None:
        """Move the bars; a run that ended leaves one line above them."""
        name, epochs = self.name_of(event.config), event.config.epochs
        if isinstance(event, Notice):
            self.live.console.print(f"{name}: {event.text}", highlight=False, markup=False)
            return
        self.work.count(event)
        if isinstance(event, Started):
            self.running[event.config] = Bar(name, event.epoch, epochs, f"epoch {event.epoch}/{epochs}  starting")
        elif isinstance(event, Progress):
            facts = f"epoch {event.epoch}/{epochs}  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            self.running[event.config] = Bar(name, event.epoch, epochs, facts)
        else:
            self.running.pop(event.config, None)
            self.ended += 1
            self.live.console.print(f"{name:<22} {outcome_text(event)}", highlight=False, markup=False)


@dataclass(frozen=True)
class Bar:
    """How far something is."""

    name: str
    done: int
    whole: int
    facts: str


def drawn(bars: Sequence[Bar], width: int) -> Iterator[RenderableType]:
    """Bars below each other; where there's no room for them, names and facts alone, folded between words."""
    room = width - max(cell_len(bar.name) for bar in bars) - max(cell_len(bar.facts) for bar in bars) - 2 * GAP
    if room < SHORTEST_BAR:
        for bar in bars:
            yield Text(f"{bar.name}  {bar.facts}", overflow="fold")
        return
    table = Table.grid(padding=(0, GAP, 0, 0))
    for bar in bars:
        line = ProgressBar(bar.whole, bar.done, width=min(LONGEST_BAR, room))
        table.add_row(Text(bar.name), line, Text(bar.facts))
    yield table


def outcome_text(event: Finished | Failed) -> str:
    """How a run ended, in a few words."""
    if isinstance(event, Finished):
        diverged = f", diverged in epoch {event.diverged}" if event.diverged else ""
        return f"training error {event.train_error:.2%}{diverged}"
    return f"failed: {event.reason}"
