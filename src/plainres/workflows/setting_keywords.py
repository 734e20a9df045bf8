"""Settings as keywords of a function: its signature and its documentation, from what is declared of each."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from inspect import Parameter
from textwrap import fill
from typing import Any, TypeVar

from plainres.settings import ABOUT, DECLARED, LaunchSettings, Settings, check_name, names_of, typed

LAUNCH = names_of(LaunchSettings)
KEYWORDS = tuple(name for name in (*LAUNCH, *names_of(Settings)) if ABOUT[name].on_command_line)

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_settings(function: Function) -> Function:
    """Show every setting in the signature and the docstring of a function that takes them as `**settings`.

    A default of None stands for the recipe's.
    """
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind != Parameter.VAR_KEYWORD]
    settings = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=_default(name), annotation=DECLARED[name].type)
        for name in KEYWORDS
        if name not in signature.parameters
    ]
    function.__signature__ = signature.replace(parameters=own + settings)  # type: ignore[attr-defined]
    lines = (
        fill(f"{each.name}: {ABOUT[each.name].help}", 116, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for each in settings
    )
    function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", "Settings:", *lines])
    return function


def check_keywords(function: Callable[..., Any], given: Iterable[str]) -> None:
    """Raise BadInput, with the nearest name that there is, for a keyword that a function doesn't know."""
    for name in given:
        check_name(name, tuple(inspect.signature(function).parameters))


def launch_of(given: Mapping[str, Any]) -> tuple[LaunchSettings, dict[str, Any]]:
    """The settings of the launch among the keywords that a function was given, and the others."""
    launch = {name: typed(name, given[name]) for name in LAUNCH if given.get(name) is not None}
    return LaunchSettings(**launch), {name: value for name, value in given.items() if name not in LAUNCH}


def _default(name: str) -> Any:
    default = DECLARED[name].default
    return None if default is MISSING else default
