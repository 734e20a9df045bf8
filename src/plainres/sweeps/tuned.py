"""What a study found for one network, as it is handed to an experiment and kept with its results."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PARAM = "tuned."  # before a number, among a sweep's parameters


@dataclass(frozen=True)
class Tuned:
    """A network's tuned values, and how sharp its optimum is.

    Attributes:
        lr, batch_size: of the best trial.
        objective: what was minimised.
        value: the best trial's.
        trials: how many ended, pruned and diverged ones included.
        near: how many trials the spread is over: the best quarter of those that trained to the end.
        near_lr: lowest and highest learning rate among them.
        near_batch_sizes: smallest and largest batch size among them.
        near_value: the worst objective among them.
        study: the study's name.
    """

    arm: str
    depth: int
    lr: float
    batch_size: int
    objective: str
    value: float
    trials: int
    near: int
    near_lr: tuple[float, float]
    near_batch_sizes: tuple[int, int]
    near_value: float
    study: str

    @property
    def network(self) -> str:
        """As `plain-34`."""
        return f"{self.arm}-{self.depth}"


def objective_words(objective: str) -> str:
    """An objective as a person says it, as `training loss`."""
    return objective.replace("train", "training").replace("_", " ")


def to_params(tuned: Mapping[tuple[str, int], Tuned]) -> dict[str, str]:
    """As parameters of a sweep, from which `from_params` reads them back."""
    # Numbered, since a parameter's name can't hold all that an arm's can.
    return {f"{PARAM}{number}": json.dumps(asdict(values)) for number, values in enumerate(tuned.values())}


def from_params(params: Mapping[str, str]) -> list[Tuned]:
    """The tuned values among a sweep's parameters, by arm as asked for and by depth; none if it wasn't tuned."""
    tuned = [_from_json(text) for name, text in params.items() if name.startswith(PARAM)]
    arms = params.get("arms", params.get("variants", "")).split()
    order = {arm: place for place, arm in enumerate(arms)}
    return sorted(tuned, key=lambda values: (order.get(values.arm, len(order)), values.depth))


def _from_json(text: str) -> Tuned:
    stored = json.loads(text)
    stored.setdefault("arm", stored.get("variant"))  # as it was called before there were arms
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in Tuned.__dataclass_fields__
    }
    return Tuned(**values)
