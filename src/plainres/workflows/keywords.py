"""Let a function take the options of a request as keywords, shown in its signature and its documentation."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field
from functools import wraps
from inspect import Parameter
from textwrap import fill
from typing import Any, TypeVar, get_args, get_origin

from plainres.settings.declaration import about, check_name, declared_in
from plainres.settings.values import kind_of, made, options_of

Result = TypeVar("Result")


def takes(request: type, *positional: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Let a function of a request take the request's options, shown in its signature and its documentation.

    Args:
        request: its class.
        positional: the options that may be given without their names.
    """
    options = options_of(request)
    own = {about(each).option for each in declared_in(request).values()}
    lines = {name: _line(name, each) for name, each in options.items()}

    def taking(function: Callable[..., Result]) -> Callable[..., Result]:
        signature = inspect.signature(function)
        first = [_parameter(name, options[name], Parameter.POSITIONAL_OR_KEYWORD) for name in positional]
        added = [each for each in signature.parameters.values() if each.kind is Parameter.KEYWORD_ONLY]
        named = [
            _parameter(name, each, Parameter.KEYWORD_ONLY) for name, each in options.items() if name not in positional
        ]
        signature = signature.replace(parameters=[*first, *added, *named])

        @wraps(function)
        def call(*values: Any, **keywords: Any) -> Result:
            for name in keywords:
                check_name(name, tuple(signature.parameters))
            given = signature.bind(*values, **keywords).arguments
            beside = {each.name: given.pop(each.name) for each in added if each.name in given}
            return function(made(request, given), **beside)

        doc = inspect.cleandoc(function.__doc__ or "")
        doc = doc.replace("Args:", "\n".join(["Args:", *(lines[name] for name in options if name in own)]))
        call.__doc__ = "\n".join([doc, "", "Settings:", *(lines[name] for name in options if name not in own)])
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return taking


def _parameter(name: str, declared: Field[Any], kind: Any) -> Parameter:
    """An option as a function's parameter; a default of None stands for the recipe's, or for what its help says."""
    default = None if declared.default is MISSING else declared.default
    taken = kind_of(declared)
    if get_origin(taken) is tuple and ... in get_args(taken):
        taken = get_args(taken)[0] | Sequence[get_args(taken)[0]]  # type: ignore[misc]
    return Parameter(name, kind, default=default, annotation=taken if default is not None else taken | None)


def _line(name: str, declared: Field[Any]) -> str:
    """What the documentation says of an option."""
    said = about(declared)
    text = f"{name}: {said.help}" + (f" By default {said.shown}." if said.shown else "")
    return fill(text, 116, break_on_hyphens=False, initial_indent=" " * 4, subsequent_indent=" " * 8)
