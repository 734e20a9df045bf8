"""Run a command: parse its flags, turn what a person can mend into one line, and give its exit code."""

import errno
import inspect
import os
import shlex
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, is_dataclass
from difflib import get_close_matches
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import tyro

from plainres.cli.streams import lasting_streams
from plainres.errors import BadInput, ProcessesFail, StoreAway, StoreRefuses, Terminated, without_credentials
from plainres.running.together import as_started, follow, release
from plainres.settings import Settings, as_text
from plainres.settings.declaration import about, groups_of
from plainres.settings.values import given_by, kind_of, made, options_of, read
from plainres.sweeps.configure import filled
from plainres.system.garbage import end_uncollected
from plainres.system.hardware import is_first, processes
from plainres.system.stopping import STOPS, is_heard

if TYPE_CHECKING:
    from plainres.analysis import SweepResults

FINISHED, RUN_FAILED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE, SIGNALLED = 0, 1, 2, 130, 141, 128

Flags = TypeVar("Flags")
registry = tyro.constructors.ConstructorRegistry()


def recipe_settings(own: Mapping[str, Any] | None = None, arguments: Sequence[str] = ()) -> Settings:
    """Return the settings that runs have where no flag says otherwise.

    Args:
        own: the command's, which go before the recipe's.
        arguments: of the command line; `--dataset` and `--recipe` among them choose the recipe.

    Raises:
        BadInput: no data set or recipe has that name.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("dataset", "recipe"):
        parser.add_argument(f"--{name}", nargs="?")
    chosen = {name: value for name, value in vars(parser.parse_known_args(arguments)[0]).items() if value}
    return filled({**(own or {}), **chosen})


def exit_code(results: "SweepResults") -> int:
    """Return the exit code of a command about a sweep: whether one of its runs failed."""
    return RUN_FAILED if results.missing else FINISHED


def run_command(flags: type[Flags], command: Callable[[Flags], int], program: str) -> int:
    """Parse the flags, run the command and return its exit code; what a person can mend becomes one line on stderr."""
    end_uncollected()
    program = as_started(program)
    if not is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    before = {
        number: signal.signal(number, _terminate) for number in STOPS if number != signal.SIGINT and is_heard(number)
    }
    files = lasting_streams()
    try:
        given = _parse(flags, program)
        if processes() > 1 and not getattr(flags, "TOGETHER", False):
            raise BadInput("torchrun's processes train a run together, which is for experiments.degradation alone")
        if not is_first():
            return follow()
        code = command(given)
        release()
        sys.stdout.flush()
        for error in filter(None, (file.error for file in files)):
            print(f"error: the output could not be written: {error.strerror}", file=sys.stderr)
            code = code or RUN_FAILED
        return code
    except BrokenPipeError:  # who reads, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except BadInput as error:
        if is_first():
            print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except ProcessesFail as error:
        print(f"error: {error}; to go on: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    except StoreRefuses as refusal:
        print(f"error: MLflow refuses: {refusal}; to go on: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    except StoreAway as away:
        print(f"error: the tracking store is away ({away}); when it's back: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    except KeyboardInterrupt as interrupt:
        print(f"\ninterrupted; to go on: {program} {_again()}".rstrip(), file=sys.stderr)
        cause = interrupt.__cause__ or interrupt
        return SIGNALLED + cause.args[0] if isinstance(cause, Terminated) else INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"error: {error}; free some space, and go on: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _again() -> str:
    """The arguments to go on with."""
    shown = [without_credentials(argument) if "://" in argument else argument for argument in sys.argv[1:]]
    return shlex.join(argument for argument in shown if argument != "--fresh")


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _parse(flags: type[Flags], program: str) -> Flags:
    """The flags of the command line; those of a command that trains have the recipe's defaults that it chooses.

    Raises:
        BadInput: a flag is unknown, or its value is of another type or out of its bounds.
    """
    trains = {"run": recipe_settings(getattr(flags, "OWN", None), sys.argv[1:])} if "run" in groups_of(flags) else {}
    given: Any  # which options_as_flags makes a dictionary
    given, unknown = tyro.cli(
        flags, prog=program, description=inspect.getdoc(flags), default=flags(**trains), registry=registry,
        return_unknown_args=True,
    )  # fmt: skip
    options = options_of(flags)
    if unknown:
        near = get_close_matches(unknown[0], [f"--{name.replace('_', '-')}" for name in options], n=1)
        raise BadInput(f"no flag is called {unknown[0]!r}; {f'is {near[0]} meant?' if near else '--help lists them'}")
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = _read(name, options[name], value)
    return made(flags, given)


def _read(name: str, declared: Field[Any], words: list[str]) -> Any:
    try:
        return read(declared, words)
    except BadInput as error:
        raise BadInput(f"--{name.replace('_', '-')}: {error}") from None


@registry.struct_rule
def options_as_flags(info: tyro.constructors.StructTypeInfo) -> tyro.constructors.StructConstructorSpec | None:
    """Make a command's flags of what is declared of its options; they're parsed to a dictionary, by option."""
    if not is_dataclass(info.default):  # it's asked of each flag's type, too
        return None
    defaults = given_by(info.default)
    flags = tuple(
        tyro.constructors.StructFieldSpec(name, _flag(each), defaults[name], about(each).help)
        for name, each in options_of(type(info.default)).items()
    )
    return tyro.constructors.StructConstructorSpec(dict, flags)


def _flag(declared: Field[Any]) -> Any:
    """An option's type for tyro, which leaves the words as they are: what is wrong with them is said by `read`."""
    kind, said = kind_of(declared), about(declared)
    shown = tyro.conf.arg(help_behavior_hint=partial(_default_shown, declared))
    if kind is bool:
        return Annotated[tyro.conf.FlagCreatePairsOff[bool] if said.switch else bool, shown]
    several = get_args(kind)
    name = (several[0] if several else kind).__name__.upper()
    metavar = f"[{name} [{name} ...]]" if ... in several else " ".join([name] * max(1, len(several)))
    words = tyro.constructors.PrimitiveConstructorSpec(
        nargs="*", metavar=said.metavar or metavar, instance_from_str=list, is_instance=lambda _: True,
        str_from_instance=lambda value: as_text(value).split(),
    )  # fmt: skip
    return Annotated[Any, words, shown]


def _default_shown(declared: Field[Any], given: str) -> str:
    """How the help shows a flag's default: with what it stands for, if it's the setting's own or 0."""
    value = given.strip("'").replace("None", "")
    stands_for = about(declared).shown if value in (as_text(declared.default), "0", "") else ""
    return f"(default: {', '.join(filter(None, [value, stands_for]))})"
