"""What is declared of a setting: its role, its bounds, and what is said where a value is refused."""

import math
from dataclasses import MISSING, dataclass, field
from enum import Enum
from typing import Any

from plainres.errors import BadInput

RECIPE: Any = MISSING  # as a default: the data set's recipe has it


class Role(Enum):
    """What a setting is to a result."""

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
    """What is declared of a setting beside its name, type and default.

    Attributes:
        help: a sentence for the command line.
        role: what it is to a result.
        words: what it's called in a message; its name if empty.
        choices: the values that a text can have; any if empty.
        least, most: bounds, included.
        above, below: bounds, excluded.
        why: the reason of a bound, for the message.
        shown: what the default stands for, for the help.
        always_hashed: whether it counts in the hash at its default too, as all do that the first version had.
        on_command_line: whether it's a flag.
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

    def check(self, value: Any) -> None:
        """Raise BadInput if no run can have this value."""
        if self.choices:
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
    """Declares a setting, as a field of a dataclass; `about` are the attributes of `Setting`."""
    return field(default=default, kw_only=True, metadata={"about": Setting(help, **about)})


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise BadInput naming the choices unless `value` is one of them."""
    if value not in choices:
        raise BadInput(f"unknown {what} {value!r}; choose from {', '.join(choices)}")
