"""Describes the space that a study searches: what is drawn from it, and what lies at its border."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput
from plainres.settings import ABOUT, RunConfig
from plainres.sweeps.configure import changed

if TYPE_CHECKING:
    from optuna import Trial

BORDER = 0.1  # the share of a range, on its logarithmic scale, that is its border on either side
DECADE = 10
FLAGS = {"lr": "--lr-range", "batch_size": "--batch-sizes", "weight_decay": "--weight-decay-range"}
SEARCHABLE = tuple(FLAGS)
RANGES = {"lr": "learning rate", "weight_decay": "weight decay"}

Values = dict[str, Any]
"""Searched settings by name."""


@dataclass(frozen=True)
class LogRange:
    """Holds a range that is searched log-uniformly."""

    name: str
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def at(self, share: float) -> float:
        """Find the value below which a share of the range lies."""
        return self.low * math.pow(self.high / self.low, share)

    def suggested(self, trial: "Trial") -> float:
        """Let the study's sampler draw a value."""
        return trial.suggest_float(self.name, self.low, self.high, log=True)

    def to_try(self, value: float, config: RunConfig) -> Sequence[float]:
        """Name the range to try next if the best value lies at a border of this one; empty if it doesn't."""
        if value < self.at(BORDER):
            return self.low / DECADE, self.high
        return (self.low, self.high * DECADE) if value > self.at(1 - BORDER) else ()


@dataclass(frozen=True)
class Choices:
    """Holds values of which one is chosen."""

    name: str
    values: tuple[int, ...]

    def __contains__(self, value: int) -> bool:
        return value in self.values

    def at(self, share: float) -> int:
        """Find the value below which a share of the choices lies."""
        return self.values[int(share * len(self.values))]

    def suggested(self, trial: "Trial") -> int:
        """Let the study's sampler draw a value."""
        return int(trial.suggest_categorical(self.name, self.values))

    def to_try(self, value: int, config: RunConfig) -> Sequence[int]:
        """Name the choices to try next if the best is the smallest or largest; empty if none can be trained."""
        smallest, largest = min(self.values), max(self.values)
        further = ([smallest // 2] if value == smallest else []) + ([2 * largest] if value == largest else [])
        found = [size for size in further if _is_possible(config, self.name, size)]
        return sorted({*self.values, *found}) if found else ()


Dimension = LogRange | Choices


def borders(space: Sequence[Dimension], values: Mapping[str, Any], config: RunConfig) -> list[str]:
    """Say for each value at a border of its range what it is, and the range to try.

    Args:
        space: what was searched.
        values: the best ones.
        config: a run of the network that was tuned.
    """
    return [
        f"the best {ABOUT[each.name].words}; try {FLAGS[each.name]} {' '.join(f'{value:g}' for value in further)}"
        for each in space
        if (further := each.to_try(values[each.name], config))
    ]


def described(space: Sequence[Dimension]) -> dict[str, Any]:
    """Describe the space as a study's definition has it, None for what isn't searched; `space_of` reads it back."""
    text: dict[str, Any] = {"searched": " ".join(each.name for each in space)}
    found = {each.name: each for each in space}
    for name, words in RANGES.items():
        each = found.get(name)
        ends = (each.low, each.high) if isinstance(each, LogRange) else (None, None)
        text |= {f"lowest {words}": ends[0], f"highest {words}": ends[1]}
    sizes = found.get("batch_size")
    return text | {"batch sizes": list(sizes.values) if isinstance(sizes, Choices) else None}


def space_of(definition: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """Read the space back from a study's definition."""
    return tuple(
        LogRange(name, definition[f"lowest {RANGES[name]}"], definition[f"highest {RANGES[name]}"])
        if name in RANGES
        else Choices(name, tuple(definition["batch sizes"]))
        for name in definition["searched"].split()
    )


def quasi_random(space: Sequence[Dimension], number: int, seed: int) -> Values:
    """Draw the point of this number, from 0, of a scrambled Sobol sequence (Sobol 1967, Owen 1995) in the space."""
    from scipy.stats import qmc  # it takes a second to import

    sequence = qmc.Sobol(len(space), rng=seed)
    if number:
        sequence.fast_forward(number)
    (shares,) = sequence.random(1)
    return {each.name: each.at(share) for each, share in zip(space, map(float, shares), strict=True)}


def _is_possible(config: RunConfig, name: str, value: int) -> bool:
    try:
        changed(config, **{name: value})
    except BadInput:
        return False
    return True
