"""Show a person what runs tell while they are trained."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing

from rich.console import Console

from plainres.running.events import Event, Failed, Finished, Notice, Progress
from plainres.screen.clock import Clock, time_left
from plainres.screen.screens import Bar, Line, Standing, make_screen
from plainres.settings import RunConfig


def shown_runs(
    events: Generator[Event, None, None], names: Mapping[RunConfig, str], console: Console
) -> Generator[Event, None, None]:
    """Pass on the events of these runs, each shown by its run's name; for no runs, don't ask for any event."""
    if names:
        tally = RunsTally(names)
        with make_screen(console, tally.standing()) as screen, closing(events):
            for event in events:
                screen.show(tally.after(event))
                yield event


class RunsTally:
    """Keeps count of a sweep's runs and of its work, in epochs times depth.

    Only epochs that are trained now are work done: not those of a run that goes on, nor those that a run which diverged
    or failed doesn't train any more.
    """

    def __init__(self, names: Mapping[RunConfig, str], now: Callable[[], float] = time.monotonic) -> None:
        self.names = names
        self.clock = Clock(now)
        self.done = 0
        self.epochs_left = {config: config.epochs for config in names}  # of the runs that have yet to end
        self.in_training: dict[RunConfig, Bar] = {}

    def after(self, event: Event) -> Standing:
        """Take in one event, and return how far the sweep is then."""
        config, name = event.config, self.names[event.config]
        if isinstance(event, Notice):
            return self.standing(Line(f"{name}: {event.text}"))
        if isinstance(event, Finished | Failed):
            self.in_training.pop(config, None)
            self.epochs_left.pop(config, None)
            text = f"{name:<22} {_outcome(event)}"
            return self.standing(Line(text, "failed" if isinstance(event, Failed) else "ended"))
        if config not in self.epochs_left:  # the event was overtaken by the run's end
            return self.standing()
        left = config.epochs - event.epoch
        doing = "starting"
        if isinstance(event, Progress):
            if config in self.in_training:
                self.done += (self.epochs_left[config] - left) * config.depth
            doing = f"loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
        self.epochs_left[config] = left
        words = f"epoch {event.epoch}/{config.epochs}  {doing}"
        self.in_training[config] = Bar(name, event.epoch, config.epochs, words)
        return self.standing(Line(f"{name:<22} {words}", "moved"))

    def standing(self, *news: Line) -> Standing:
        """Return how far the sweep is, and each run that is in training."""
        ended, runs = len(self.names) - len(self.epochs_left), len(self.names)
        whole = Bar("sweep", ended, runs, f"{ended}/{runs} runs")
        return Standing(whole, [*self.in_training.values()], time_left(self.seconds_left()), news)

    def seconds_left(self) -> float | None:
        """Return the seconds until the last run has ended; None before the first epoch has."""
        left = {config: epochs * config.depth for config, epochs in self.epochs_left.items()}
        return self.clock.seconds_left(self.done, [left.pop(config) for config in self.in_training], left.values())


def _outcome(event: Finished | Failed) -> str:
    if isinstance(event, Failed):
        return f"failed: {event.reason}"
    diverged = f", diverged in epoch {event.diverged}" if event.diverged else ""
    return f"training error {event.train_error:.2%}{diverged}"
