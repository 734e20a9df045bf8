"""Read arms: a variant with settings of its own, written `residual` or `plain:init=dirac,lr=0.01`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plainres.errors import BadInput
from plainres.settings import ABOUT, DECLARED, VARIANTS, DataSettings, Settings, as_text, check_name, names_of
from plainres.settings.declaration import Role, check_choice
from plainres.settings.values import parse

# The settings that an arm may have of its own: all that results depend on, but for the images, which all arms share.
OWN = tuple(
    name for name in names_of(Settings) if ABOUT[name].role is Role.IDENTITY and name not in names_of(DataSettings)
)
NUMERIC = tuple(name for name in OWN if DECLARED[name].type in (int, float))


@dataclass(frozen=True)
class Arm:
    """Holds a variant, and the settings in which it differs from the rest of the sweep."""

    variant: str
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Writes the arm, settings in alphabetical order."""
        own = ",".join(f"{name}={as_text(value)}" for name, value in sorted(self.settings.items()))
        return f"{self.variant}:{own}" if own else self.variant


def parse_arm(text: str) -> Arm:
    """Make an arm of what was written.

    Raises:
        BadInput: the variant, a setting's name or its value is wrong; says which.
    """
    variant, colon, listed = text.partition(":")
    try:
        check_choice("variant", variant.strip(), VARIANTS)
        if colon and not listed.strip():
            raise BadInput("no setting follows the colon")
        own: dict[str, Any] = {}
        for part in listed.split(",") if colon else ():
            name, equals, value = (piece.strip() for piece in part.partition("="))
            name = name.replace("-", "_")
            if not equals:
                raise BadInput(f"{part!r} is no setting=value")
            if name in own:
                raise BadInput(f"{name} is given twice")
            _check_own(name)
            own[name] = parse(DECLARED[name], value)
            ABOUT[name].check(own[name])
    except BadInput as error:
        raise BadInput(f"arm {text!r}: {error}") from None
    return Arm(variant.strip(), own)


def arms_in(params: Mapping[str, str]) -> tuple[str, ...]:
    """Find the arms in the parameters of a sweep, which names them with blanks between, and may have some in them."""
    listed = params.get("arms", params.get("variants", ""))  # sweeps had variants before they had arms
    return tuple(re.split(rf" (?=(?:{'|'.join(VARIANTS)})\b)", listed)) if listed else ()


def dose_arms(arm: str, setting: str, doses: Sequence[str]) -> tuple[str, ...]:
    """Return the arm with each of the values, as `residual:shortcut_scale=0.5`.

    Args:
        arm: as `parse_arm` reads it, without the setting.
        setting: a numeric one that an arm can have of its own.
        doses: its values, as text.

    Raises:
        BadInput: the setting has no doses, fewer than two are given, or an arm can't have one.
    """
    setting = setting.replace("-", "_")
    check_numeric(setting)
    if len(doses) < 2:
        raise BadInput(f"at least two values of {setting} are needed")
    return tuple(dosed(arm, setting, dose) for dose in doses)


def dosed(arm: str, setting: str, dose: str) -> str:
    """Return the arm with one more setting; raises BadInput as `parse_arm` does."""
    mark = "," if parse_arm(arm).settings else ":"
    return parse_arm(f"{arm}{mark}{setting}={dose}").name


def check_numeric(setting: str) -> None:
    """Raise BadInput for what is no numeric setting that an arm can have of its own."""
    if setting not in NUMERIC:
        raise BadInput(f"{setting!r} is no numeric setting of an arm; choose from {', '.join(NUMERIC)}")


def dose_of(arm: str, setting: str) -> float:
    """Return the value that an arm of `dose_arms` has of the setting."""
    return float(parse_arm(arm).settings[setting.replace("-", "_")])


def without(arm: str, *settings: str) -> str:
    """Return the arm without these settings, as the one that `dose_arms` made this one of."""
    parsed = parse_arm(arm)
    return Arm(parsed.variant, {name: value for name, value in parsed.settings.items() if name not in settings}).name


def _check_own(name: str) -> None:
    if name in ("variant", "depth", "seed"):
        raise BadInput(f"{name} is no setting of an arm: --arms, --depths and --seeds are what a sweep combines")
    if name in ABOUT and name not in OWN:
        raise BadInput(f"{name} is the whole sweep's: an arm's own are settings of its network and its training")
    check_name(name, OWN)
