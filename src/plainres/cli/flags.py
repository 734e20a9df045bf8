"""Read a command's flags from its words and from a settings file: which there are follows from what it declares."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any, TypeVar

from plainres.errors import BadInput
from plainres.settings.declaration import RUNNING, about, declared_in, nearest, setting
from plainres.settings.values import as_flag, flag, given_by, kind_of, made, options_of, read
from plainres.workflows.settings_file import read_settings

Flags = TypeVar("Flags")
Given = dict[str, Any]


@dataclass(frozen=True)
class _Also:
    """Declares what every command takes beside its own."""

    config: str | None = setting(
        None, "Ask for what a file says, as the settings.toml of a sweep; flags beside it go before.", metavar="FILE"
    )
    help: bool = setting(
        False, "Explain the flags; beside --dataset or --recipe with the defaults of that.",
        heading=RUNNING, switch=True,
    )  # fmt: skip


ALSO = declared_in(_Also)


def flags_of(command: type) -> dict[str, Field[Any]]:
    """Return all that a command takes by flags, by option."""
    return options_of(command) | ALSO


def given_in(command: type, words: Sequence[str]) -> Given:
    """Read what the words of a command line give, by option; `command` may name in ALONE what needs no flag.

    Raises:
        BadInput: a flag is unknown or given twice, or a value is of another type.
    """
    options, alone = flags_of(command), getattr(command, "ALONE", "")
    given: dict[str, list[str]] = {}
    values: list[str] | None = None
    for word in ["--help" if word == "-h" else word for word in words]:
        if not word.startswith("--") and values is None and alone:
            word, name = f"--{alone}={word}", alone
        if not word.startswith("--"):
            if values is None:
                raise BadInput(_unknown(word, options))
            values.append(word)
            continue
        text, equals, value = word.partition("=")
        name = text[2:].replace("-", "_")
        off = name.removeprefix("no_")
        if name not in options and off in options and has_pair(options[off]):
            name, equals, value = off, "=", "false"
        if name not in options:
            raise BadInput(_unknown(text, options))
        if name in given:
            raise BadInput(f"{flag(name)} is given twice")
        given[name] = [value] if equals else []
        values = None if kind_of(options[name]) is bool else given[name]
    return {name: _read(name, options[name], values) for name, values in given.items()}


def request_of(command: type[Flags], given: Given) -> Flags:
    """Make a command's request of what its command line gives, then its settings file, then of its own defaults."""
    given = {**given}
    path = given.pop("config", None)
    about(ALSO["config"]).check(path)
    filed = read_settings(Path(path), options_of(command)) if path else {}
    return made(command, {**getattr(command, "OWN", {}), **filed, **given})


def words_of(request: Any) -> list[str]:
    """Write a request as the words of a command line: what isn't as the recipe or the command itself has it."""
    given, options = given_by(request), options_of(type(request))
    chosen: Given = {name: given[name] for name in ("dataset", "recipe") if name in options}
    defaults = {**given_by(made(type(request), chosen)), **{name: options[name].default for name in chosen}}
    changed = [name for name in options if given[name] != defaults[name]]
    return [word for name in changed for word in as_flag(name, options[name], given[name])]


def has_pair(declared: Field[Any]) -> bool:
    """Tell whether a flag has one beside it that turns it off."""
    return kind_of(declared) is bool and not about(declared).switch


def _read(name: str, declared: Field[Any], words: list[str]) -> Any:
    try:
        return read(declared, words or ["true"] if kind_of(declared) is bool else words)
    except BadInput as error:
        raise BadInput(f"{flag(name)}: {error}") from None


def _unknown(word: str, options: Mapping[str, Field[Any]]) -> str:
    return f"no flag is called {word!r}; {nearest(word, map(flag, options), '--help lists them')}"
