"""Hold what a study found for one network, as it is handed to an experiment and kept with its results."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from plainres.sweeps.arms import arms_in

PARAM = "tuned."  # before a number, among a sweep's parameters


@dataclass(frozen=True)
class Tuned:
    """Holds a network's tuned values, and how sharp their optimum is.

    Attributes:
        values: settings by name: the searched ones of the winning trial, and its epochs if they came with its batch
            size.
        objective: what was minimised.
        value: the winning trial's.
        trials: how many ended, pruned and diverged ones included.
        near: how many trials the spread is over: the best quarter of those that trained to the end.
        near_values: by searched setting, its lowest and highest value among them.
        near_value: the worst objective among them.
        study: the study's name.
        number: which of the network's studies it is, from 0.
        confirmed: the winning trial's objective on each of the fresh seeds on which the best trials were trained again.
        borders: for each value at a border of its range, what and which range to try.
    """

    arm: str
    depth: int
    values: Mapping[str, Any]
    objective: str
    value: float
    trials: int
    near: int
    near_values: Mapping[str, tuple[float, float]]
    near_value: float
    study: str
    number: int = 0
    confirmed: tuple[float, ...] = ()
    borders: tuple[str, ...] = ()

    @property
    def network(self) -> str:
        """Names the network, as `plain-34`."""
        return f"{self.arm}-{self.depth}"

    @property
    def label(self) -> str:
        """Names the network, and which of its studies, as `plain-34` and `plain-34-study1`."""
        return self.network + numbered(self.number)


def numbered(study: int) -> str:
    """Return what tells a network's later studies from its first."""
    return f"-study{study}" if study else ""


def objective_words(objective: str) -> str:
    """Write an objective as a person says it, as `training loss`."""
    return objective.replace("train", "training").replace("_", " ")


def border_remarks(borders: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Write a sentence for each border and all networks whose best value lies there.

    Args:
        borders: by a network's label, those of its `Tuned`.
    """
    labels: dict[str, list[str]] = {}
    for label, found in borders:
        for border in found:
            labels.setdefault(border, []).append(label)
    return [f"At a border: {border} ({', '.join(found)})." for border, found in labels.items()]


def study_of_seed(seed: int, studies: int) -> int:
    """Number the study whose values a seed trains with: seeds take turns, the same for every network."""
    return seed % studies


def tuned_settings(tuned: Iterable[Tuned], seeds: Sequence[int]) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Return each run's own values, by arm, depth and seed: those of the study whose turn the seed has."""
    studies: dict[tuple[str, int], list[Tuned]] = {}
    for each in tuned:
        studies.setdefault((each.arm, each.depth), []).append(each)
    return {
        (*network, seed): found[study_of_seed(seed, len(found))].values
        for network, found in studies.items()
        for seed in seeds
    }


def to_params(tuned: Iterable[Tuned]) -> dict[str, str]:
    """Write tuned values as parameters of a sweep, from which `from_params` reads them back."""
    # Numbered, since a parameter's name can't hold all that an arm's can.
    return {f"{PARAM}{place}": json.dumps(asdict(values)) for place, values in enumerate(tuned)}


def from_params(params: Mapping[str, str]) -> list[Tuned]:
    """Read the tuned values in a sweep's parameters, by arm as asked for, depth and study; none if it wasn't tuned."""
    tuned = [_from_json(text) for name, text in params.items() if name.startswith(PARAM)]
    order = {arm: place for place, arm in enumerate(arms_in(params))}
    return sorted(tuned, key=lambda values: (order.get(values.arm, len(order)), values.depth, values.number))


def _from_json(text: str) -> Tuned:
    stored: dict[str, Any] = json.loads(text)
    if "variant" in stored:  # as it was called before there were arms
        stored["arm"] = stored["variant"]
    if "values" not in stored:  # as it was when learning rate and batch size alone could be searched
        stored["values"] = {name: stored[name] for name in ("lr", "batch_size")}
        stored["near_values"] = {"lr": stored["near_lr"], "batch_size": stored["near_batch_sizes"]}
    stored["near_values"] = {name: tuple(ends) for name, ends in stored["near_values"].items()}
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in Tuned.__dataclass_fields__
    }
    return Tuned(**known)
