"""Lists single changes of a recipe that a sensible person might have made in its place."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.settings import RunConfig

DEPTHS = {"three-stage": (20, 56), "four-stage": (18, 34)}  # of which one stands in the other's place
BASE = "recipe"


@dataclass(frozen=True)
class Choice:
    """Holds one change.

    Attributes:
        name: what a flag calls it, and a table.
        settings: those that are changed, which all runs share.
        depths: in place of those asked for; empty for the same.
    """

    name: str
    settings: dict[str, Any]
    depths: tuple[int, ...] = ()


def choices(base: RunConfig, own: Set[str] = frozenset()) -> list[Choice]:
    """List the changes that make another run of this one; the first one changes nothing.

    Args:
        base: a residual run by the recipe.
        own: settings that an arm has of its own, which no change of what all share reaches.
    """
    return [
        each for each in _all(base) if each.name == BASE or (_differs(base, each) and not own & each.settings.keys())
    ]


def chosen(base: RunConfig, names: Sequence[str], own: Set[str] = frozenset()) -> list[Choice]:
    """Pick changes by name, all if none is named, the recipe itself first; raises BadInput for one that there isn't."""
    there = {each.name: each for each in choices(base, own)}
    for name in names:
        if name not in there:
            raise BadInput(
                f"no choice is called {name!r}, or it changes nothing; choose from {', '.join([*there][1:])}"
            )
    return [there[name] for name in dict.fromkeys([BASE, *(names or there)])]


def _all(base: RunConfig) -> Iterator[Choice]:
    yield Choice(BASE, {})
    yield Choice("lr-third", {"lr": float(f"{base.lr / 3:.2g}")})
    yield Choice("lr-triple", {"lr": float(f"{base.lr * 3:.2g}")})
    yield Choice("half-batch", {"batch_size": base.batch_size // 2})
    yield Choice("double-batch", {"batch_size": 2 * base.batch_size})
    yield Choice("half-width", {"width": base.width // 2})
    yield Choice("double-width", {"width": 2 * base.width})
    yield Choice("no-weight-decay", {"weight_decay": 0.0})
    yield Choice("no-warmup", {"warmup_epochs": 0})
    yield Choice("warmup-2", {"warmup_epochs": 2})
    yield Choice("cosine", {"schedule": "cosine"})
    yield Choice("steps", {"schedule": "step"})
    yield Choice("constant-lr", {"schedule": "constant"})
    yield Choice("no-momentum", {"momentum": 0.0})
    yield Choice("double-epochs", {"epochs": 2 * base.epochs})
    shape = facts_of(base.dataset).image_shape
    if side := base.image_size or (shape[-1] if shape else 0):
        yield Choice("double-pixels", {"image_size": 2 * side})
    yield Choice("shortcut-A", {"shortcut": "A"})
    yield Choice("shortcut-B", {"shortcut": "B"})
    yield Choice("shortcut-C", {"shortcut": "C"})
    for family, depths in DEPTHS.items():
        if family != base.family:
            yield Choice(family, {"family": family}, depths)


def _differs(base: RunConfig, choice: Choice) -> bool:
    return any(getattr(base, name) != value for name, value in choice.settings.items())
