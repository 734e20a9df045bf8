"""Makes the table that studies close with, and says below it what is to be said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from plainres.screen.table import TextTable, text_table
from plainres.settings import ABOUT
from plainres.sweeps.tuned import border_remarks, objective_words
from plainres.tuning.slots import FIXED
from plainres.tuning.space import borders
from plainres.tuning.state import StudyState, value_of

CONFIDENCE = 0.95


def study_table(states: Sequence[StudyState]) -> TextTable:
    """Tabulate studies, a row for each, by arm and depth."""
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
    rows = [
        (
            state.plan.label,
            f"{len(state.done)}/{state.budget}",
            f"{state.prune_rate:.0%}" if state.done else "",
            str(state.diverged),
            str(len(state.failures)),
            *(value_text(state.winner.params[name]) if state.winner else "" for name in searched),
            f"{value_of(state.winner):.4g}" if state.winner else "",
            *([f"{state.confirmed[0].mean:.4g}" if state.confirmed else ""] if is_confirmed else []),
        )
        for state in in_order(states)
    ]
    return text_table(columns, rows, words)


def in_order(states: Sequence[StudyState]) -> list[StudyState]:
    """Sort studies by arm, depth and number."""
    return sorted(states, key=lambda state: (state.plan.config.arm, state.plan.config.depth, state.plan.number))


def values_text(values: Mapping[str, Any]) -> str:
    """Write values as `lr 0.02, batch size 64`."""
    return ", ".join(f"{_short(name)} {value_text(value)}" for name, value in values.items())


def value_text(value: float) -> str:
    """Write a searched value, whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def remarks(states: Sequence[StudyState]) -> list[str]:
    """Say what a person should know beside the table: the shares pruned by arm, and values at a border."""
    states = in_order(states)
    found = [
        (state.plan.label, borders(state.plan.search.space, state.winner.params, state.plan.config))
        for state in states
        if state.winner
    ]
    return [*_prune_rates(states), *border_remarks(found)]


def budget_remarks(states: Sequence[StudyState]) -> list[str]:
    """Say whether each study had trials enough."""
    found = {state.plan.label: _budget(state) for state in in_order(states)}
    return [f"{label}: {words}." for label, words in found.items() if words]


def drawn_values(state: StudyState) -> list[float]:
    """List the objective of the trials that were drawn, a pruned one's when it was stopped; the recipe's wasn't."""
    first = state.plan.first_trial
    return [value_of(trial) for trial in state.done if first is None or trial.system_attrs.get(FIXED) != first]


def expected_best(values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and ends of the central 95 % interval of the lowest of n values, for n from 1 to their number.

    The mean is the unbiased estimator of Tang et al. (2020), "Showing Your Work Doesn't Always Work", for a minimum:
    that over all choices of n of the values. With replacement, as Dodge et al. (2019) draw, it would be too high. The
    trials must have been drawn independently of each other, as random search draws them.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    count = len(ordered)
    draws = np.arange(1, count + 1)[:, None]
    # P(min > v) for no v, then for each v: of the values above it, how many choices there are among all.
    left = count - np.arange(count + 1)
    with np.errstate(invalid="ignore"):
        logs = gammaln(left + 1) - gammaln(left - draws + 1) - gammaln(count + 1) + gammaln(count - draws + 1)
    above = np.where(left >= draws, np.exp(logs), 0)
    mean = (above[:, :-1] - above[:, 1:]) @ ordered
    tail = (1 - CONFIDENCE) / 2
    low, high = (ordered[np.argmax(above[:, 1:] <= 1 - share + 1e-12, axis=1)] for share in (tail, 1 - tail))
    return mean, low, high


def _prune_rates(states: Sequence[StudyState]) -> list[str]:
    if states[0].plan.search.pruner == "none":
        return []
    done, pruned = Counter[str](), Counter[str]()
    for state in states:
        done[state.plan.config.arm] += len(state.done)
        pruned[state.plan.config.arm] += state.pruned
    rates = [f"{arm} {pruned[arm] / max(1, count):.0%}" for arm, count in done.items()]
    return [f"Pruned: {', '.join(rates)} of the trials (--pruner none trains all of them to the end)."]


def _budget(state: StudyState) -> str:
    """Say what half the trials would have found; of TPE, whose draws depend on each other, when it found its best."""
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
