"""Tell how far studies are, for a screen to show."""

import time
from collections.abc import Callable, Sequence

from optuna.trial import FrozenTrial, TrialState

from plainres.screen.clock import Clock, time_left
from plainres.screen.screens import Bar, Line, Standing
from plainres.sweeps.tuned import objective_words
from plainres.tuning.state import DIVERGED, PRUNED_EPOCH, StudyState, value_of
from plainres.tuning.study_table import in_order, study_table, values_text


class StudiesTally:
    """Keeps count of the trials that have ended and of the work done since the start, whoever did it."""

    def __init__(self, states: Sequence[StudyState], now: Callable[[], float] = time.monotonic) -> None:
        self.told = {trial._trial_id for state in states for trial in state.done}
        self.before = _work_done(states)
        self.clock = Clock(now, at_work=1)

    def after(self, states: Sequence[StudyState], notice: str | None = None) -> Standing:
        """Take in how far the studies are now, and a line that a person should know of."""
        news = [] if notice is None else [Line(notice)]
        for state in states:
            ended = [trial for trial in state.done if trial._trial_id not in self.told]
            self.told |= {trial._trial_id for trial in ended}
            news += [Line(f"{_trial(state, trial)}{_best(state)}", "ended") for trial in ended]
        done, budget = sum(len(state.done) for state in states), sum(state.budget for state in states)
        words = f"{done}/{budget} trials, {sum(state.running for state in states)} in training"
        left = time_left(self.seconds_left(states))
        parts = [_bar(state) for state in in_order(states)]
        return Standing(Bar("studies", done, budget, words), parts, left, news, study_table(states))

    def seconds_left(self, states: Sequence[StudyState]) -> float | None:
        """Return the seconds until every study has its trials; None before the first epoch."""
        done = _work_done(states) - self.before
        return self.clock.seconds_left(done, [sum(state.work_left for state in states)])


def _work_done(states: Sequence[StudyState]) -> int:
    """In epochs times depth."""
    return sum(state.epochs * state.plan.config.depth for state in states)


def _bar(state: StudyState) -> Bar:
    done = len(state.done)
    return Bar(state.plan.label, done, state.budget, f"{done}/{state.budget} trials{_best(state)}")


def _trial(state: StudyState, trial: FrozenTrial) -> str:
    if trial.state == TrialState.PRUNED:
        outcome = f"pruned after epoch {trial.user_attrs[PRUNED_EPOCH]}"
    elif DIVERGED in trial.user_attrs:
        outcome = f"diverged in epoch {trial.user_attrs[DIVERGED]}"
    else:
        outcome = f"{objective_words(state.plan.search.objective)} {trial.value:.4g}"
    return f"{state.plan.label + f' trial {trial.number}':<22} {outcome} ({values_text(trial.params)})"


def _best(state: StudyState) -> str:
    return f"  best {value_of(state.best):.4g}" if state.best else ""
