"""Turn what is given for settings, as text or as Python values, into values of the types that are declared."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field
from numbers import Integral, Real
from operator import index
from typing import Any, TypeVar, get_args, get_origin

from plainres.errors import BadInput
from plainres.settings.declaration import about, declared_in, groups_of

T = TypeVar("T")
NUMBER = r"\d{1,18}"


def options_of(request: type) -> dict[str, Field[Any]]:
    """Return what a class and its groups take from outside, by the names of flags and keywords; groups come last."""
    own = {about(each).option: each for each in declared_in(request).values() if about(each).on_command_line}
    for each in reversed(groups_of(request).values()):  # those of all requests last
        own |= options_of(each.type)  # type: ignore[arg-type]
    return own


def made(request: type[T], given: Mapping[str, Any]) -> T:
    """Make a request, or settings, of options by name; what isn't given, or None, has its default.

    Raises:
        BadInput: a value is of another type than its option's, or not within its bounds.
    """
    values = {
        name: typed(each, given[about(each).option])
        for name, each in declared_in(request).items()
        if given.get(about(each).option) is not None
    }
    for name, each in groups_of(request).items():
        inside = {option: given[option] for option in options_of(each.type) if option in given}  # type: ignore[arg-type]
        values[name] = each.metadata["made_of"](inside)
    return request(**values)


def given_by(request: Any) -> dict[str, Any]:
    """Return the options of which `made` would make this request."""
    given = {about(each).option: getattr(request, name) for name, each in declared_in(type(request)).items()}
    for name in groups_of(type(request)):
        given |= given_by(getattr(request, name))
    return given


def part_of(request: Any, kind: type[T]) -> T:
    """Copy what a request inherits of a class into an object of that class alone."""
    return kind(**{name: getattr(request, name) for name in declared_in(kind)})


def kind_of(declared: Field[Any]) -> Any:
    """Return a setting's type, of which None is no part."""
    kinds = [kind for kind in get_args(declared.type) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(declared.type) else declared.type


def as_text(value: Any) -> str:
    """Write a setting's value as text, from which `parse` makes it again."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def flag(option: str) -> str:
    """Write an option as a flag."""
    return f"--{option.replace('_', '-')}"


def as_flag(option: str, declared: Field[Any], value: Any) -> list[str]:
    """Write the words of a command line that give an option this value."""
    if isinstance(value, bool):
        return [flag(option if value else f"no_{option}")]
    if about(declared).counts_to:
        return [flag(option), *in_short(value)]
    return [flag(option), *map(str, value if isinstance(value, tuple) else [value])]


def in_short(numbers: Sequence[int]) -> list[str]:
    """Write numbers where they count, of which `read` makes the same: a row as 7-9, and one alone as 7-7."""
    first, last = numbers[0], numbers[-1]
    return [f"{first}-{last}"] if [*numbers] == [*range(first, last + 1)] else [*map(str, numbers)]


def parse(declared: Field[Any], text: str) -> Any:
    """Make a setting's value of text, several values with blanks between; raises BadInput as `read` does."""
    return read(declared, text.split() if get_origin(kind_of(declared)) is tuple else [text])


def read(declared: Field[Any], words: Sequence[str]) -> Any:
    """Make a setting's value of the words of a command line.

    Raises:
        BadInput: they are no value of the setting's type, or too many or too few.
    """
    kind = kind_of(declared)
    if get_origin(kind) is tuple:
        return _several(declared, _in_full(declared, words), _read_one_of_several)
    if len(words) != 1:
        raise BadInput(f"{about(declared).words} takes one value, and {len(words)} are given")
    return _read(kind, words[0], about(declared).words)


def typed(declared: Field[Any], value: Any) -> Any:
    """Make a setting's value of what Python code gives: a list for a tuple, one value for several, an int for a float.

    One number that counts stands for as many, a list for its own.

    Raises:
        BadInput: it's of another type than the setting's.
    """
    kind = kind_of(declared)
    if get_origin(kind) is not tuple:
        return _typed(kind, value, about(declared).words)
    if about(declared).counts_to and isinstance(value, Integral) and not isinstance(value, bool):
        return _numbers(declared, 0, int(value))
    several = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
    return _several(declared, list(several), _typed)


def _in_full(declared: Field[Any], words: Sequence[str]) -> Sequence[str]:
    """Write out what stands for several numbers where they count: 5 alone for 0 to 4, and anywhere 7-9 for 7 8 9."""
    if not about(declared).counts_to:
        return words
    if len(words) == 1 and re.fullmatch(NUMBER, words[0]):
        return [*map(str, _numbers(declared, 0, int(words[0])))]
    numbers: list[str] = []
    for word in words:
        ends = re.fullmatch(f"({NUMBER})-({NUMBER})", word)
        numbers += map(str, _numbers(declared, int(ends[1]), int(ends[2]) + 1)) if ends else [word]
    return numbers


def _numbers(declared: Field[Any], first: int, end: int) -> tuple[int, ...]:
    """The whole numbers from the first on, without the end; raises BadInput where there are none, or too many."""
    what, most = about(declared).words, about(declared).counts_to
    if end <= first:
        counted = f"{end} {what}s" if not first else f"{first}-{end - 1}"
        alone = f"{first}-{first}, in Python [{first}]"
        raise BadInput(f"{counted} are none: one number is how many, and {what} {first} alone is written {alone}")
    if end - first > most:
        raise BadInput(f"{end - first} {what}s are more than {most}")
    return tuple(range(first, end))


def _several(declared: Field[Any], values: Sequence[Any], convert: Callable[[Any, Any, str], Any]) -> tuple[Any, ...]:
    kind, *more = get_args(kind_of(declared))
    if more != [...] and len(values) != 1 + len(more):
        raise BadInput(f"{about(declared).words} takes {1 + len(more)} values, and {len(values)} are given")
    return tuple(convert(kind, value, about(declared).words) for value in values)


def _read(kind: type, text: str, words: str) -> Any:
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise BadInput(f"{words} {text!r} is no {_type_words(kind)}") from None


def _read_one_of_several(kind: type, text: str, words: str) -> Any:
    try:
        return _read(kind, text, words)
    except BadInput as error:
        hint = f"; is {text.replace(',', ' ')} meant?" if "," in text else ""
        raise BadInput(f"{error}{hint}") from None


def _typed(kind: type, value: Any, words: str) -> Any:
    try:
        if kind is int and not isinstance(value, bool):
            return index(value)
        if kind is float and isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
    except TypeError:
        pass
    if kind in (bool, str) and isinstance(value, kind):
        return value
    raise BadInput(f"{words} {value!r} is no {_type_words(kind)}")


def _type_words(kind: type) -> str:
    return {int: "whole number", float: "number", bool: "True or False"}.get(kind, "text")
