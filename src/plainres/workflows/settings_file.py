"""Write what a command asks for to a file, as TOML by the names of its flags, and read it again."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any

from plainres.errors import BadInput, first_line, without_credentials
from plainres.settings.declaration import HEADINGS, about, check_name
from plainres.settings.values import given_by, options_of, typed


def settings_text(request: Any, command: str, more: Mapping[str, Any] | None = None) -> str:
    """Write all that a request asks for, under the headings of the help, after the command that asked for it.

    Left out are --fresh, which would train finished runs anew each time, --export, which would write into a folder of
    this machine, and the passwords of URLs. `more` are options of the command that the request has none of.
    """
    options = {name: each for name, each in options_of(type(request)).items() if name not in ("fresh", "export")}
    values = {name: value for name, value in given_by(request).items() if value is not None}
    return "\n".join([*_lines(values, options, command), *map(_line, (more or {}).items())]) + "\n"


def read_settings(path: Path, options: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """Read the values of options from a file, by option.

    Raises:
        BadInput: it can't be read, is no TOML, or names what is no option, or a value is of another type.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise BadInput(f"{path} is no TOML: {first_line(error)}") from error
    values: dict[str, Any] = {}
    try:
        for key, value in found.items():
            name = key.replace("-", "_")
            check_name(name, tuple(options))
            if name in values:
                raise BadInput(f"{key} is given twice")
            values[name] = typed(options[name], value)
        return values
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _lines(values: Mapping[str, Any], options: Mapping[str, Field[Any]], command: str) -> Iterator[str]:
    yield f"# {''.join(filter(str.isprintable, command))}"
    yield "# --config FILE asks for it again; flags beside that go before."
    for heading in HEADINGS:
        under = [name for name, each in options.items() if about(each).heading == heading and name in values]
        if under:
            yield f"\n# {heading}"
        yield from (_line((name, values[name])) for name in under)


def _line(option: tuple[str, Any]) -> str:
    """Write a text, number, truth or list of them, in which TOML and JSON agree; no URL's password."""
    name, value = option
    shown = without_credentials(value) if isinstance(value, str) and "://" in value else value
    return f"{name.replace('_', '-')} = {json.dumps(shown, ensure_ascii=False)}"
