"""The arms of a dose-response curve: one arm at several values of a numeric setting."""

from collections.abc import Sequence

from plainres.errors import BadInput
from plainres.settings import DECLARED
from plainres.sweeps.arms import OWN, parse_arm

NUMERIC = tuple(name for name in OWN if DECLARED[name].type in (int, float))


def dose_arms(arm: str, setting: str, doses: Sequence[str]) -> tuple[str, ...]:
    """The arm with each of the values, as `residual:shortcut_scale=0.5`.

    Args:
        arm: as `plainres.sweeps.arms.parse_arm` reads it, without the setting.
        setting: a numeric one that an arm can have of its own.
        doses: its values, as text.

    Raises:
        BadInput: the setting has no doses, fewer than two are given, or an arm can't have one.
    """
    setting = setting.replace("-", "_")
    if setting not in NUMERIC:
        raise BadInput(f"{setting!r} is no numeric setting of an arm; choose from {', '.join(NUMERIC)}")
    if len(doses) < 2:
        raise BadInput(f"a dose-response curve needs at least two values of {setting}")
    mark = "," if parse_arm(arm).settings else ":"
    return tuple(parse_arm(f"{arm}{mark}{setting}={dose}").name for dose in doses)


def dose_of(arm: str, setting: str) -> float:
    """The value that an arm of `dose_arms` has of the setting."""
    return float(parse_arm(arm).settings[setting.replace("-", "_")])
