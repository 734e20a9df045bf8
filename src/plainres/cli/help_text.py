"""Write what `--help` shows of a command: what it does, examples, and its flags under headings, at any width."""

import inspect
from collections.abc import Iterator
from dataclasses import Field
from shutil import get_terminal_size
from textwrap import fill
from typing import Any, get_args

from plainres.cli.flags import Given, flags_of, request_of
from plainres.settings import as_text
from plainres.settings.declaration import HEADINGS, about
from plainres.settings.values import flag, given_by, kind_of

WIDEST, NARROWEST = 100, 20  # columns of text
TWO_COLUMNS = 70  # the fewest in which the help of a flag stands beside it
FLAG_COLUMN = 25


def help_text(command: type, program: str, given: Given) -> str:
    """Write the help of a command; the defaults are those of the data set and the recipe that are given."""
    width = columns()
    chosen = {name: value for name, value in given.items() if name in ("dataset", "recipe")}
    defaults = given_by(request_of(command, chosen))
    options, alone = flags_of(command), getattr(command, "ALONE", "")
    unnamed = f"[{about(options[alone]).metavar}] " if alone else ""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n".join(
        [
            f"usage: {program} {unnamed}[--FLAG VALUE ...]",
            *(f"\n{_filled(' '.join(paragraph.split()), width)}" for paragraph in paragraphs),
            *_examples(getattr(command, "EXAMPLES", ()), program),
            *_sections(options, defaults, width),
        ]
    )


def beside(name: str, text: str, column: int, width: int) -> str:
    """Set a text into its column beside a name, or below that where there is no room."""
    head, indent = f"  {name}", " " * column
    if width < TWO_COLUMNS:
        return f"{_filled(head, width, '    ')}\n{_filled(text, width, '    ', '    ')}"
    if len(head) > column - 2:
        return f"{head}\n{_filled(text, width, indent, indent)}"
    return _filled(text, width, indent, head.ljust(column))


def columns() -> int:
    """Give the columns of text that a terminal has room for."""
    return max(NARROWEST, min(get_terminal_size().columns, WIDEST))


def _examples(examples: tuple[str, ...], program: str) -> Iterator[str]:
    if examples:
        yield f"\nExample{'s' if len(examples) > 1 else ''}"
        yield from (f"  {program} {arguments}".rstrip() for arguments in examples)


def _sections(options: dict[str, Field[Any]], defaults: Given, width: int) -> Iterator[str]:
    for heading in HEADINGS:
        under = {name: each for name, each in options.items() if about(each).heading == heading}
        if under:
            yield f"\n{heading}"
        for name, each in under.items():
            yield _explained(name, each, defaults.get(name), width)


def _explained(name: str, declared: Field[Any], default: Any, width: int) -> str:
    usage = _usage(name, declared, on=default is True)
    return beside(usage, about(declared).help + _default(declared, default), FLAG_COLUMN, width)


def _usage(name: str, declared: Field[Any], *, on: bool) -> str:
    """Write a flag with what stands for its values; what is off by default needs no flag that turns it off."""
    if kind_of(declared) is bool:
        return f"{flag(name)}, --no-{flag(name)[2:]}" if on else flag(name)
    kinds = get_args(kind_of(declared)) or (kind_of(declared),)
    words = ("..." if kind is ... else kind.__name__.upper() for kind in kinds)
    return f"{flag(name)} {about(declared).metavar or ' '.join(words)}"


def _default(declared: Field[Any], value: Any) -> str:
    """Say a flag's default, with what it stands for if it's the setting's own or 0; nothing where it's off."""
    text = "" if value is None or value is False else as_text(value)
    stands_for = about(declared).shown if text in (as_text(declared.default), "0", "") else ""
    shown = ", ".join(filter(None, [text, stands_for]))
    return f" (default: {shown})" if shown else ""


def _filled(text: str, width: int, indent: str = "", first: str = "") -> str:
    return fill(
        text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
