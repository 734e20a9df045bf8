"""What a person sees while studies run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from plainres.running.display import can_redraw
from plainres.screen.clock import Clock
from plainres.sweeps.tuned import objective_words
from plainres.tuning.state import DIVERGED, PRUNED_EPOCH, StudyState, value_of
from plainres.tuning.study_table import study_table, values_text


class StudyDisplay(AbstractContextManager["StudyDisplay"], Protocol):
    """Shows how far studies are, as often as it's told."""

    def show(self, states: Sequence[StudyState]) -> None:
        """Take in how far they are now."""

    def notice(self, text: str) -> None:
        """Print a line that a person should know of."""


def make_study_display(console: Console, states: Sequence[StudyState]) -> StudyDisplay:
    """The display that suits the console; `states` is how far the studies are at the start."""
    if console.is_jupyter:
        from plainres.tuning.notebook_study_display import NotebookStudyDisplay

        return NotebookStudyDisplay(states)
    return LiveStudyDisplay(console, states) if can_redraw(console) else PlainStudyDisplay(console, states)


class WorkDone:
    """The work of studies, in epochs times depth, done since the start, whoever did it; and how long the rest takes."""

    def __init__(self, states: Sequence[StudyState]) -> None:
        self.clock = Clock()
        self.clock.start()
        self.before = _work_done(states)

    def remaining(self, states: Sequence[StudyState]) -> str:
        """As `1:30 left`, empty before the first epoch."""
        self.clock.done = _work_done(states) - self.before
        return self.clock.remaining(sum(state.work_left for state in states))


class PlainStudyDisplay(StudyDisplay):
    """A line for every trial that ends."""

    def __init__(self, console: Console, states: Sequence[StudyState]) -> None:
        self.console = console
        self.work = WorkDone(states)
        self.shown = {trial._trial_id for state in states for trial in state.done}
        self.budget = sum(state.budget for state in states)

    def __exit__(self, *_: object) -> None:
        """Nothing is left to tidy."""

    def notice(self, text: str) -> None:
        """Print it."""
        self.console.print(text, soft_wrap=True)

    def show(self, states: Sequence[StudyState]) -> None:
        """Print the trials that have ended since."""
        for state in states:
            for trial in state.done:
                if trial._trial_id not in self.shown:
                    self.shown.add(trial._trial_id)
                    self.console.print(
                        f"[{len(self.shown)}/{self.budget}] {trial_text(state, trial)}{best_text(state)}  "
                        f"{self.work.remaining(states)}".rstrip(),
                        soft_wrap=True,
                    )


class LiveStudyDisplay(StudyDisplay):
    """A table that is redrawn: a row for each network with its trials and its best so far."""

    def __init__(self, console: Console, states: Sequence[StudyState]) -> None:
        self.work = WorkDone(states)
        self.live = Live(self._drawn(states), console=console)

    def __enter__(self) -> "LiveStudyDisplay":
        """Start drawing."""
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the screen to the closing table, which says the same."""
        self.live.transient = True
        self.live.stop()

    def notice(self, text: str) -> None:
        """Print it above the table."""
        self.live.console.print(text)

    def show(self, states: Sequence[StudyState]) -> None:
        """Redraw."""
        self.live.update(self._drawn(states))

    def _drawn(self, states: Sequence[StudyState]) -> Group:
        done, budget = sum(len(state.done) for state in states), sum(state.budget for state in states)
        words = f"{done}/{budget} trials, {sum(state.running for state in states)} in training"
        return Group(study_table(states), Text(f"{words}  {self.work.remaining(states)}"))


def trial_text(state: StudyState, trial: FrozenTrial) -> str:
    """How a trial ended, in a line."""
    if trial.state == TrialState.PRUNED:
        outcome = f"pruned after epoch {trial.user_attrs[PRUNED_EPOCH]}"
    elif DIVERGED in trial.user_attrs:
        outcome = f"diverged in epoch {trial.user_attrs[DIVERGED]}"
    else:
        outcome = f"{objective_words(state.plan.search.objective)} {trial.value:.4g}"
    return f"{state.plan.label + f' trial {trial.number}':<22} {outcome} ({values_text(trial.params)})"


def best_text(state: StudyState) -> str:
    """The best value of a network so far, empty before there is one."""
    return f"  best {value_of(state.best):.4g}" if state.best else ""


def _work_done(states: Sequence[StudyState]) -> int:
    return sum(state.epochs * state.plan.config.depth for state in states)
