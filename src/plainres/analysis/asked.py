"""Says what a sweep was asked for: the settings in which it differs from its data set's recipe, and the command."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from plainres.analysis.results import SweepResults
from plainres.errors import BadInput
from plainres.settings import ABOUT, DECLARED
from plainres.settings.declaration import Role
from plainres.settings.thresholds import MARGIN
from plainres.settings.values import as_flag, in_short, parse
from plainres.sweeps.plan import plan_sweep
from plainres.sweeps.tuned import from_params

PROGRAM = "uv run python -m experiments.degradation"
CHOOSING = ("dataset", "recipe")  # what chooses the recipe


class Asked(Protocol):
    """What a sweep was asked for, as its parent run tells."""

    @property
    def arms(self) -> Sequence[str]: ...
    @property
    def depths(self) -> Sequence[int]: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def params(self) -> Mapping[str, str]: ...


def changed_settings(asked: Asked, *roles: Role) -> dict[str, str]:
    """Give the recipe's value of each setting in which a sweep differs from it, arms' own settings aside.

    Of a sweep that can't be planned any more nothing is known.

    Args:
        asked: of the sweep.
        roles: of the settings that are looked at; those of the machine are compared with this one's.
    """
    chosen: dict[str, Any] = {name: asked.params[name] for name in CHOOSING if asked.params.get(name)}
    try:
        recipe = plan_sweep(asked.arms, asked.depths, asked.seeds[:1], **chosen).params
    except BadInput:
        return {}
    return {
        name: recipe[name]
        for name, text in asked.params.items()
        if name in recipe.keys() & ABOUT.keys() - set(CHOOSING)
        and ABOUT[name].role in roles
        and ABOUT[name].on_command_line
        and text != recipe[name]
    }


def command_of(results: SweepResults, margin: float = MARGIN) -> str:
    """Write a command that asks for the same sweep, and judges it by the same margin in [0, 1]."""
    return shlex.join([*PROGRAM.split(), *_flags(results, margin)])


def _flags(results: SweepResults, margin: float) -> Iterator[str]:
    yield from ("--depths", *map(str, results.depths), "--arms", *results.arms, "--seeds", *in_short(results.seeds))
    asked = {name: results.params.get(name, "") for name in CHOOSING}
    yield from (
        word for name, text in asked.items() if text and text != DECLARED[name].default for word in (f"--{name}", text)
    )
    if asked["dataset"] == "imagefolder":
        yield from ("--data-dir", results.params["data_dir"])
    tuned = {name for values in from_params(results.params) for name in values.values}
    for name in changed_settings(results, Role.IDENTITY, Role.MACHINE):
        yield from () if name in tuned else _flag(name, results.params[name])
    if tuned:
        yield "--tuned"
    if margin != MARGIN:
        yield from ("--margin", f"{100 * margin:g}")


def _flag(name: str, text: str) -> Sequence[str]:
    """The flag of a setting that a sweep has, by arm where these differ; none where each arm has its own."""
    for each in text.split("), "):
        value, _, network = each.removesuffix(")").rpartition(" (") if text.endswith(")") else (each, "", "")
        is_own = f"{name}=" in network or (name == "shortcut" and network.startswith("plain"))
        if not is_own:
            return as_flag(ABOUT[name].option, DECLARED[name], parse(DECLARED[name], value))
    return []
