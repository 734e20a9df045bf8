"""Lays out the tables of tuned values, and of the spread between studies, in the report of a tuned sweep."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from plainres.screen.table import TextTable, text_table
from plainres.settings import ABOUT
from plainres.sweeps.tuned import Tuned, border_remarks, objective_words, study_of_seed

SPREAD_COLUMNS = ("network", "mean of each study (%)", "between studies", "over seeds")
SPREAD_EXPLANATION = (
    "Final training error: the mean over each study's seeds, the standard deviation of these means, and that over the "
    "seeds of one study, in percentage points. Seeds that share a study share its luck: where the spread between "
    "studies is the larger, the interval over seeds is too narrow, and more studies say more than more seeds."
)


def tuned_tables(tuned: Sequence[Tuned], runs: pd.DataFrame) -> list[TextTable]:
    """Lay out the values of each study, and where a network has several how far they lead apart.

    Args:
        tuned: the tuned values of all studies.
        runs: as in `plainres.analysis.results.SweepResults`.
    """
    seeds = sorted(set(runs["seed"]))
    found = tuned_table(tuned, seeds), spread_table(tuned, runs)
    return [table for table in found if table is not None]


def tuned_table(tuned: Sequence[Tuned], seeds: Sequence[int] = ()) -> TextTable:
    """Lay out a row for each study; `seeds` are those of the sweep."""
    names = list(dict.fromkeys(name for values in tuned for name in values.values))
    columns = ["network", "trials", *(ABOUT[name].words for name in names), "objective"]
    is_confirmed = any(values.confirmed for values in tuned)
    columns += ["confirmed"] if is_confirmed else []
    rows = [
        (
            values.label,
            str(values.trials),
            *(_value(values, name) for name in names),
            _objective(values),
            *([_confirmed(values.confirmed)] if is_confirmed else []),
        )
        for values in tuned
    ]
    return text_table(columns, rows, _explanation(tuned, seeds))


def spread_table(tuned: Sequence[Tuned], runs: pd.DataFrame) -> TextTable | None:
    """Lay out how far a network's studies lead apart, beside the spread over seeds; None where each has one study."""
    studies = _studies(tuned)
    if studies == 1 or runs.empty:
        return None
    rows = []
    for network in dict.fromkeys(values.network for values in tuned):
        of_network = runs[runs["arm"] + "-" + runs["depth"].astype(str) == network]
        errors = 100 * of_network["train_error"]
        groups = errors.groupby(of_network["seed"].map(lambda seed: study_of_seed(seed, studies)))
        spreads = spread([list(values) for _, values in groups])
        rows.append(
            (network, " ".join(f"{mean:.2f}" for mean in groups.mean()), *(f"{points:.2f}" for points in spreads))
        )
    return text_table(SPREAD_COLUMNS, rows, SPREAD_EXPLANATION)


def spread(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Compute standard deviations: of the groups' means, and within groups, pooled; NaN where values are too few."""
    means = [float(np.mean(values)) for values in groups]
    free = sum(len(values) - 1 for values in groups)
    squares = sum(len(values) * float(np.var(values)) for values in groups)
    between = float(np.std(means, ddof=1)) if len(means) > 1 else math.nan
    return between, math.sqrt(squares / free) if free else math.nan


def _value(tuned: Tuned, name: str) -> str:
    value = tuned.values.get(name, "")
    if name not in tuned.near_values or tuned.near < 2:  # one trial has no spread
        return f"{value:.3g}" if isinstance(value, float) else str(value)
    if isinstance(value, int):
        return f"{value} ({'–'.join(map(str, dict.fromkeys(tuned.near_values[name])))})"
    low, high = tuned.near_values[name]
    return f"{value:.3g} ({low:.2g}–{high:.2g})"


def _objective(tuned: Tuned) -> str:
    return f"{tuned.value:.3g}" + (f" (≤ {tuned.near_value:.2g})" if tuned.near > 1 else "")


def _confirmed(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3g} ({min(values):.2g}–{max(values):.2g})" if values else ""


def _explanation(tuned: Sequence[Tuned], seeds: Sequence[int]) -> str:
    """Explain the columns, whether the networks had equal chances, and what lies at a border."""
    objective, is_confirmed = objective_words(tuned[0].objective), [bool(values.confirmed) for values in tuned]
    words = f"Values of the trial with the lowest {objective}"
    if all(is_confirmed):
        words = f"Of a study's best trials, the values of the one with the lowest mean {objective} over fresh seeds"
    words += "."
    if any(values.near > 1 for values in tuned):
        words += " In brackets the spread over the best quarter of the trials that trained to the end: how sharp the "
        words += "optimum is."
    if any(is_confirmed):
        words += " Confirmed: that mean, and the lowest and highest of its seeds."
    if len({values.trials for values in tuned}) > 1:
        words += " The networks were not tuned equally: their numbers of trials differ."
    if any(is_confirmed) and not all(is_confirmed):
        words += " The networks were not tuned equally: not all were confirmed on fresh seeds."
    studies = _studies(tuned)
    if studies > 1 and seeds:
        turns = [[seed for seed in seeds if study_of_seed(seed, studies) == number] for number in range(studies)]
        names = ["the first study", *(f"study {number}" for number in range(1, studies))]
        listed = "; ".join(f"{name}: {' '.join(map(str, turn))}" for name, turn in zip(names, turns, strict=True))
        words += f" Seeds take turns with the studies ({listed})."
    return " ".join([words, *border_remarks((values.label, values.borders) for values in tuned)])


def _studies(tuned: Sequence[Tuned]) -> int:
    """Count the studies that each network has."""
    return 1 + max(values.number for values in tuned)
