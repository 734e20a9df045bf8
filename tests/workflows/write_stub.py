"""Writes src/plainres/__init__.pyi, from which editors complete settings: `python -m tests.workflows.write_stub`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from types import UnionType
from typing import Any, Union, get_args, get_origin

import plainres
from plainres.workflows.python_calls import compare, tune

STUB = Path(plainres.__file__).with_name("__init__.pyi")
HEAD = '''"""Plain and residual networks of equal depth, trained alike and compared with evidence (He et al. 2015)."""

# Written by tests.workflows.write_stub from what is declared of each setting; a test holds it.

from collections.abc import Sequence

from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.trained import load_run as load_run
from plainres.errors import BadInput as BadInput
from plainres.networks.factory import build_network as build_network
from plainres.workflows.compare import Studies
from plainres.workflows.python_calls import load_sweep as load_sweep
from plainres.workflows.tune import StudyResults

__version__: str
'''


def stub() -> str:
    """What stands in it."""
    return "\n".join([HEAD, *map(declaration, (compare, tune))])


def declaration(function: Callable[..., Any]) -> str:
    """A function's head, a parameter a line, and its docstring."""
    signature = inspect.signature(function)
    lines, starred = [], False
    for each in signature.parameters.values():
        if each.kind == each.KEYWORD_ONLY and not starred:
            lines.append("*,")
            starred = True
        lines.append(f"{each.name}: {written(each.annotation, each.default)} = {quoted(each.default)},")
    returned = str(signature.return_annotation).strip("'") if isinstance(signature.return_annotation, str) else (
        signature.return_annotation.__name__
    )  # fmt: skip
    doc = indent(f'"""{function.__doc__}\n"""', "    ", lambda line: bool(line.strip()))
    return f"def {function.__name__}(\n{indent(chr(10).join(lines), '    ')}\n) -> {returned}:\n{doc}\n    ...\n"


def written(kind: Any, default: object) -> str:
    """A type as it's written; a recipe's setting can be None."""
    text = type_text(kind)
    return f"{text} | None" if default is None and "None" not in text else text


def type_text(kind: Any) -> str:
    if kind is ...:
        return "..."
    if get_origin(kind) in (UnionType, Union):
        return " | ".join(map(type_text, get_args(kind)))
    name = "None" if kind is type(None) else getattr(kind, "__name__", str(kind))
    inner = ", ".join(map(type_text, get_args(kind)))
    return f"{name}[{inner}]" if inner else name


def quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value).replace("'", '"')


if __name__ == "__main__":
    STUB.write_text(stub())
