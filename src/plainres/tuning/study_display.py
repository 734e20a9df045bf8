"""What a person sees while studies run, and the table they close with."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from plainres.running.display import clock_time
from plainres.sweeps.tuned import objective_words
from plainres.table import TerminalTable, terminal
from plainres.tuning.state import DIVERGED, PRUNED_EPOCH, ArmState, value_of

COLUMNS = ("arm", "trials", "pruned", "diverged", "failed", "best lr", "batch size", "objective")


class Display(AbstractContextManager["Display"], Protocol):
    """Shows how far studies are, as often as it's told."""

    def show(self, states: Sequence[ArmState]) -> None:
        """Take in how far they are now."""


def make_display(console: Console, states: Sequence[ArmState]) -> Display:
    """The display that suits the console; `states` is how far the studies are at the start."""
    return LiveDisplay(console, states) if console.is_terminal else PlainDisplay(console, states)


class Clock:
    """The time to completion, from the share of the work that was done since the start, whoever did it."""

    def __init__(self, states: Sequence[ArmState]) -> None:
        self.started = time.monotonic()
        self.at_start = _work_left(states)

    def remaining(self, states: Sequence[ArmState]) -> str:
        """As `1:30 left`, empty before the first trial has ended."""
        left = _work_left(states)
        if left == self.at_start:
            return ""
        elapsed = time.monotonic() - self.started
        return f"{clock_time(elapsed * left / (self.at_start - left))} left"


class PlainDisplay(Display):
    """A line for every trial that ends."""

    def __init__(self, console: Console, states: Sequence[ArmState]) -> None:
        self.console = console
        self.clock = Clock(states)
        self.shown = {trial._trial_id for state in states for trial in state.done}
        self.budget = sum(state.budget for state in states)

    def __exit__(self, *_: object) -> None:
        """Nothing is left to tidy."""

    def show(self, states: Sequence[ArmState]) -> None:
        """Print the trials that have ended since."""
        for state in states:
            for trial in state.done:
                if trial._trial_id not in self.shown:
                    self.shown.add(trial._trial_id)
                    self.console.print(
                        f"[{len(self.shown)}/{self.budget}] {trial_text(state, trial)}{best_text(state)}  "
                        f"{self.clock.remaining(states)}".rstrip(),
                        highlight=False, markup=False, soft_wrap=True,
                    )  # fmt: skip


class LiveDisplay(Display):
    """A table that is redrawn: a row for each arm with its trials and its best so far."""

    def __init__(self, console: Console, states: Sequence[ArmState]) -> None:
        self.clock = Clock(states)
        self.live = Live(self._drawn(states), console=console)

    def __enter__(self) -> "LiveDisplay":
        """Start drawing."""
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the screen to the closing table, which says the same."""
        self.live.transient = True
        self.live.stop()

    def show(self, states: Sequence[ArmState]) -> None:
        """Redraw."""
        self.live.update(self._drawn(states))

    def _drawn(self, states: Sequence[ArmState]) -> Group:
        done, budget = sum(len(state.done) for state in states), sum(state.budget for state in states)
        words = f"{done}/{budget} trials, {sum(state.running for state in states)} in training"
        return Group(arm_table(states), Text(f"{words}  {self.clock.remaining(states)}"))


def trial_text(state: ArmState, trial: FrozenTrial) -> str:
    """How a trial ended, in a line."""
    values = f"lr {trial.params['lr']:.3g}, batch size {trial.params['batch_size']}"
    if trial.state == TrialState.PRUNED:
        outcome = f"pruned after epoch {trial.user_attrs[PRUNED_EPOCH]}"
    elif DIVERGED in trial.user_attrs:
        outcome = f"diverged in epoch {trial.user_attrs[DIVERGED]}"
    else:
        outcome = f"{_objective(state)} {trial.value:.4g}"
    return f"{state.plan.arm + f' trial {trial.number}':<22} {outcome} ({values})"


def best_text(state: ArmState) -> str:
    """The best value of an arm so far, empty before there is one."""
    return f"  best {value_of(state.best):.4g}" if state.best else ""


def arm_table(states: Sequence[ArmState]) -> TerminalTable:
    """A row for each arm, shallowest first."""
    words = f"Objective: {_objective(states[0])}, lowest of the trials that trained to the end."
    in_order = sorted(states, key=lambda state: (state.plan.config.variant, state.plan.config.depth))
    return terminal(COLUMNS, map(arm_cells, in_order), words)


def arm_cells(state: ArmState) -> tuple[str, ...]:
    """The cells under `COLUMNS`."""
    best = state.best
    found = ("", "", "") if best is None else (
        f"{best.params['lr']:.3g}", str(best.params["batch_size"]), f"{best.value:.4g}"
    )  # fmt: skip
    pruned = f"{state.prune_rate:.0%}" if state.done else ""
    counts = (f"{len(state.done)}/{state.budget}", pruned, str(state.diverged), str(len(state.failures)))
    return state.plan.arm, *counts, *found


def _objective(state: ArmState) -> str:
    return objective_words(state.plan.search.objective)


def _work_left(states: Sequence[ArmState]) -> int:
    return sum(state.left * state.plan.config.depth for state in states)
