"""Divide the range of a numeric setting into values, the finer where they have to be, for a map of what trains."""

import math
from collections.abc import Sequence
from itertools import pairwise

from plainres.errors import BadInput
from plainres.settings import DECLARED
from plainres.sweeps.arms import check_numeric

DIGITS = 2  # of a value, so that a person can read it and type it


def values_between(setting: str, span: Sequence[float], count: int) -> tuple[str, ...]:
    """Return values of a setting over a span as text, spaced by a factor, or evenly where it begins at 0.

    Raises:
        BadInput: the setting isn't numeric, the range is empty, or so many values in it would repeat each other.
    """
    check_numeric(setting)
    low, high = span
    if not (0 <= low < high and math.isfinite(high)):
        raise BadInput(f"range {low:g} to {high:g} is empty, or not from 0 upwards")
    steps = [step / (count - 1) for step in range(count)]
    exact = [low * (high / low) ** step if low else high * step for step in steps]
    values = [_text(setting, low), *(_rounded(setting, value) for value in exact[1:-1]), _text(setting, high)]
    if len(set(values)) < count:
        raise BadInput(f"range {low:g} to {high:g} is too fine: {count} values of {setting} in it repeat each other")
    return tuple(values)


def between(setting: str, lower: float, higher: float) -> str | None:
    """Return the value half-way between two neighbours, by their factor where both are above 0; None if there is none.

    It has a digit more than a grid's values.
    """
    value = math.sqrt(lower * higher) if lower > 0 else (lower + higher) / 2
    text = _rounded(setting, value, DIGITS + 1)
    return text if lower < float(text) < higher else None


def edges(values: Sequence[float]) -> list[float]:
    """Return the edges of the cells around values in rising order, half-way between them, one more than there are."""
    by_factor = values[0] > 0
    places = [math.log(value) for value in values] if by_factor else list(values)
    inner = [(lower + higher) / 2 for lower, higher in pairwise(places)]
    first, last = (inner[0], inner[-1]) if inner else (places[0] + 0.5, places[0] - 0.5)
    found = [2 * places[0] - first, *inner, 2 * places[-1] - last]
    return [math.exp(edge) for edge in found] if by_factor else found


def _rounded(setting: str, value: float, digits: int = DIGITS) -> str:
    return _text(setting, float(f"{value:.{digits}g}") if DECLARED[setting].type is float else value)


def _text(setting: str, value: float) -> str:
    return str(round(value)) if DECLARED[setting].type is int else f"{value:g}"
