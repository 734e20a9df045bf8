"""The table that studies close with, and what is to be said below it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainres.screen.table import TerminalTable, terminal
from plainres.settings import ABOUT
from plainres.sweeps.tuned import border_remarks, objective_words
from plainres.tuning.slots import FIXED
from plainres.tuning.space import borders
from plainres.tuning.state import StudyState, value_of

CONFIDENCE = 0.95


def study_table(states: Sequence[StudyState]) -> TerminalTable:
    """A row for each study, by arm and depth."""
    objective = objective_words(states[0].plan.search.objective)
    is_confirmed = any(state.confirmed for state in states)
    words = f"Objective: {objective}, lowest of the trials that trained to the end."
    if is_confirmed:
        seeds = len(states[0].plan.fresh_seeds)
        words = (
            f"Objective: {objective} of the winner as a trial. Confirmed: its mean over {seeds} fresh seeds, from "
            f"{states[0].plan.fresh_seeds[0]} on; the best mean wins, and its values are shown."
        )
    searched = [each.name for each in states[0].plan.search.space]
    columns = ["network", "trials", "pruned", "diverged", "failed", *(f"best {_short(name)}" for name in searched)]
    columns += ["objective", *(["confirmed"] if is_confirmed else [])]
    return terminal(columns, [_cells(state, searched, is_confirmed) for state in in_order(states)], words)


def in_order(states: Sequence[StudyState]) -> list[StudyState]:
    """By arm, depth and number."""
    return sorted(states, key=lambda state: (state.plan.config.arm, state.plan.config.depth, state.plan.number))


def values_text(values: Mapping[str, Any]) -> str:
    """As `lr 0.02, batch size 64`."""
    return ", ".join(f"{_short(name)} {value_text(value)}" for name, value in values.items())


def value_text(value: float) -> str:
    """A searched value, whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def remarks(states: Sequence[StudyState]) -> list[str]:
    """What a person should know of the studies beside their table: shares pruned by arm, and values at a border."""
    states = in_order(states)
    return [*_prune_rates(states), *border_remarks((state.plan.label, _borders(state)) for state in states)]


def budget_remarks(states: Sequence[StudyState]) -> list[str]:
    """Whether each study had trials enough."""
    found = {state.plan.label: _budget(state) for state in in_order(states)}
    return [f"{label}: {words}." for label, words in found.items() if words]


def drawn_values(state: StudyState) -> list[float]:
    """The objective of the trials that were drawn, a pruned one's when it was stopped; the recipe's isn't drawn."""
    first = state.plan.first_trial
    return [value_of(trial) for trial in state.done if first is None or trial.system_attrs.get(FIXED) != first]


def expected_best(values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and ends of the central 95 % interval of the lowest of n values, for n from 1 to their number.

    The n values are drawn independently, with replacement, from the ones given: P(min > v) = P(value > v)^n, equations
    5 to 7 of Dodge et al. (2019), "Show Your Work", for a minimum. So the trials must have been drawn independently of
    each other, as random search draws them.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    count = len(ordered)
    draws = np.arange(1, count + 1)[:, None]
    above = (1 - np.arange(count + 1) / count) ** draws  # P(min > v) for no v, then for each v
    mean = (above[:, :-1] - above[:, 1:]) @ ordered
    tail = (1 - CONFIDENCE) / 2
    low, high = (ordered[np.argmax(above[:, 1:] <= 1 - share + 1e-12, axis=1)] for share in (tail, 1 - tail))
    return mean, low, high


def _cells(state: StudyState, searched: Sequence[str], is_confirmed: bool) -> tuple[str, ...]:
    counts = (
        f"{len(state.done)}/{state.budget}",
        f"{state.prune_rate:.0%}" if state.done else "",
        str(state.diverged),
        str(len(state.failures)),
    )
    winner = state.winner
    found = [value_text(winner.params[name]) for name in searched] if winner else [""] * len(searched)
    mean = [f"{state.confirmed[0].mean:.4g}" if state.confirmed else ""] if is_confirmed else []
    return state.plan.label, *counts, *found, f"{value_of(winner):.4g}" if winner else "", *mean


def _prune_rates(states: Sequence[StudyState]) -> list[str]:
    if states[0].plan.search.pruner == "none":
        return []
    arms = dict.fromkeys(state.plan.config.arm for state in states)
    of_arm = {arm: [state for state in states if state.plan.config.arm == arm] for arm in arms}
    rates = [
        f"{arm} {sum(state.pruned for state in found) / max(1, sum(len(state.done) for state in found)):.0%}"
        for arm, found in of_arm.items()
    ]
    return [f"Pruned: {', '.join(rates)} of the trials (--pruner none trains all of them to the end)."]


def _borders(state: StudyState) -> list[str]:
    return borders(state.plan.search.space, state.winner.params, state.plan.config) if state.winner else []


def _budget(state: StudyState) -> str:
    """What half the trials would have found; of TPE, whose draws depend on each other, when it found its best."""
    if state.best is None:
        return ""
    if state.plan.search.sampler == "tpe":
        place = [trial.number for trial in state.done].index(state.best.number) + 1
        return f"the best objective came with trial {place} of {len(state.done)}"
    values = drawn_values(state)
    if len(values) < 2:
        return ""
    mean, low, high = expected_best(values)
    half = len(values) // 2
    expected = [f"{mean[n - 1]:.3g} [{low[n - 1]:.3g}, {high[n - 1]:.3g}] of {n}" for n in (half, len(values))]
    return f"the best objective to be expected is {expected[0]} and {expected[1]} draws"


def _short(name: str) -> str:
    return "lr" if name == "lr" else ABOUT[name].words
