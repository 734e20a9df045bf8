"""Declare a setting, of a run or of what a command asks for: its type, default, help and bounds, once."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from plainres.errors import BadInput

T = TypeVar("T")
RECIPE: Any = MISSING  # as a default: the data set's recipe has it
HEADINGS = ("What is asked", "Training", "Network", "Images", "Tuning", "Report", "How and where it runs")
ASKED, TRAINING, NETWORK, IMAGES, TUNING, REPORT, RUNNING = HEADINGS  # in the order of the help
COUNTING = "One number n is 0 to n - 1, several are themselves; in a command 7-9 is 7 8 9, and 7-7 is 7 alone."


class Role(Enum):
    """Says what a setting is to a result."""

    IDENTITY = "identity"
    """The result depends on it: it's in the hash, in a study's definition and in a report."""
    PLACE = "place"
    """Where files lie."""
    MACHINE = "machine"
    """What computes; results depend on it, so it's in the hash."""
    LAUNCH = "launch"
    """How the same work is launched; never part of the identity."""


@dataclass(frozen=True)
class Setting:
    """Holds what is declared of a setting beside its name, type and default.

    Attributes:
        help: a sentence for the command line and for Python.
        role: what a run's setting is to a result; of no meaning for what else a command asks for.
        words: what it's called in a message; its name if empty.
        choices: the values that a text can have; any if empty.
        least, most: bounds, included.
        above, below: bounds, excluded.
        why: the reason of a bound, for the message.
        shown: what the default stands for, for the help.
        always_hashed: whether it counts in the hash at its default too, as all do that the first version had.
        on_command_line: whether it's a flag, and a keyword in Python.
        option: what the flag and the keyword are called; as the field if empty.
        metavar: what stands for a value in the help; the type's name if empty.
        switch: whether its flag can be turned on alone, for what is off by default.
        counts_to: the largest number that stands for so many values, 0 and up, where it's given alone; 0 if none does.
        heading: that it stands under in the help; its class's if empty, which `under` names.
    """

    help: str
    role: Role = Role.IDENTITY
    words: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    why: str = ""
    shown: str = ""
    always_hashed: bool = False
    on_command_line: bool = True
    option: str = ""
    metavar: str = ""
    switch: bool = False
    counts_to: int = 0
    heading: str = ""

    def check(self, value: Any) -> None:
        """Raise BadInput if nothing can be done with this value, or with one of several; None stands for a default."""
        if isinstance(value, tuple):
            for each in value:
                self.check(each)
        elif value is not None and self.choices:
            check_choice(self.words, value, self.choices)
        elif isinstance(value, int | float) and not isinstance(value, bool) and not self._holds(value):
            raise BadInput(f"{self.words} {value} {self._bounds(value)}" + (f", {self.why}" if self.why else ""))
        elif isinstance(value, str) and not value.isprintable():
            raise BadInput(f"{self.words} {value!r} can't be shown")

    def _holds(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _bounds(self, value: float) -> str:
        low = self.least if self.above is None else self.above
        high = self.most if self.below is None else self.below
        if low is None and high is None:
            return "is not a finite number"
        if low is None:
            return f"is not a finite number {'of at most' if self.below is None else 'below'} {high}"
        if high is None and self.above is None:
            return f"is below {low}" if isinstance(value, int) else f"is not a finite number of at least {low}"
        if high is None:
            return f"is not a finite number above {low}"
        if self.least is not None and self.most is not None:
            return f"is outside {low} to {high}"
        return f"is outside {'[' if self.above is None else '('}{low}, {high}{']' if self.below is None else ')'}"


def setting(default: Any, help: str, **about: Any) -> Any:
    """Declare a setting, as a field of a dataclass; `about` are the attributes of `Setting`."""
    return _field(default, Setting(help, **about))


def redeclared(of: type, name: str, default: Any, **changes: Any) -> Any:
    """Declare a setting of another class with another default, and with other attributes where some are given."""
    return _field(default, replace(declared_in(of)[name].metadata["about"], **changes))


def under(heading: str) -> Callable[[type[T]], type[T]]:
    """Let what a class declares stand under a heading, where it names none; to be applied before `dataclass`."""

    def marked(of: type[T]) -> type[T]:
        for each in vars(of).values():
            if isinstance(each, Field) and "about" in each.metadata:
                said = each.metadata["about"]
                each.metadata = MappingProxyType({"about": replace(said, heading=said.heading or heading)})
        return of

    return marked


def group(made_of: Callable[[Mapping[str, Any]], Any]) -> Any:
    """Declare a field that holds settings of a class of their own, which `made_of` makes of those that are given."""
    return field(default_factory=lambda: made_of({}), kw_only=True, metadata={"made_of": made_of})


def _field(default: Any, about: Setting) -> Any:
    return field(default=default, kw_only=True, metadata={"about": about})


def declared_in(of: type) -> dict[str, Field[Any]]:
    """Return the settings that a class declares or inherits, by name; none of its groups."""
    return {each.name: each for each in fields(of) if "about" in each.metadata}


def groups_of(of: type) -> dict[str, Field[Any]]:
    """Return the groups of settings that a class declares or inherits, by name."""
    return {each.name: each for each in fields(of) if "made_of" in each.metadata}


@cache
def about(declared: Field[Any]) -> Setting:
    """Return what is declared of a setting, with the words, the option's name and the help that follow from that."""
    said: Setting = declared.metadata["about"]
    return replace(
        said,
        help=" ".join([said.help, *([COUNTING] if said.counts_to else [])]),
        words=said.words or declared.name.replace("_", " "),
        option=said.option or declared.name,
        heading=said.heading or ASKED,
        always_hashed=said.always_hashed or declared.default is MISSING,
    )


def check_values(settings: Any) -> None:
    """Raise BadInput for the first value that isn't within what is declared of it."""
    for name, declared in declared_in(type(settings)).items():
        about(declared).check(getattr(settings, name))


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise BadInput naming the choices unless `value` is one of them."""
    if value not in choices:
        parts = str(value).split(",")
        hint = f"is {' '.join(parts)} meant?" if set(parts) <= set(choices) else f"choose from {', '.join(choices)}"
        raise BadInput(f"unknown {what} {value!r}; {hint}")


def check_name(name: str, known: tuple[str, ...]) -> None:
    """Raise BadInput, with the nearest name that there is, if no setting has this one."""
    if name not in known:
        hint = nearest(name, known)
        raise BadInput(f"no setting is called {name!r}" + (f"; {hint}" if hint else ""))


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Ask whether the nearest of the known names is meant; where none is near, say something else."""
    near = get_close_matches(name, list(known), n=1)
    return f"is {near[0]} meant?" if near else otherwise
