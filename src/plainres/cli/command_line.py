"""What every command shares: parsing flags, one-line errors and exit codes."""

import inspect
import os
import shlex
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import fields
from io import StringIO, TextIOWrapper
from types import FrameType
from typing import Annotated, Any, TypeVar

import tyro

from plainres.data.catalogue import facts_of
from plainres.errors import BadInput, ProcessesFail, StoreAway, StoreRefuses, Terminated, without_credentials
from plainres.running.together import as_started, follow, release
from plainres.settings import ABOUT, DECLARED, LaunchSettings, Settings, names_of
from plainres.settings.declaration import Setting
from plainres.settings.recipes import recipe_of
from plainres.system.garbage import end_uncollected
from plainres.system.hardware import is_first, processes

FINISHED, RUN_FAILED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE, TERMINATED = 0, 1, 2, 130, 141, 143

Flags = TypeVar("Flags")
registry = tyro.constructors.ConstructorRegistry()


def with_default(default: str, metavar: str, stands_for: object = None) -> Any:
    """Marks a flag whose default, None if nothing else, stands for what its help shows instead."""
    return tyro.conf.arg(
        metavar=metavar,
        help_behavior_hint=lambda given: f"(default: {default if given == str(stands_for) else given})",
    )


@registry.struct_rule
def settings_as_flags(info: tyro.constructors.StructTypeInfo) -> tyro.constructors.StructConstructorSpec | None:
    """The flags of all settings, of runs or of their launch, from what is declared of each."""
    if info.type not in (Settings, LaunchSettings):
        return None
    flags = tuple(
        tyro.constructors.StructFieldSpec(
            name=name,
            type=Annotated[DECLARED[name].type, _shown(DECLARED[name].default, about)],  # type: ignore[arg-type]
            default=getattr(info.default, name),
            helptext=about.help,
        )
        for name, about in ABOUT.items()
        if name in names_of(info.type) and about.on_command_line
    )
    return tyro.constructors.StructConstructorSpec(info.type, flags)


def _shown(default: object, about: Setting) -> Any:
    """How the help shows a flag's default: with what it stands for, if it's the setting's own or 0."""

    def hint(given: str) -> str:
        shown = given.strip("'")
        stands_for = about.shown if shown in (str(default), "0", "") else ""
        return f"(default: {', '.join(filter(None, [shown, stands_for]))})"

    return tyro.conf.arg(help_behavior_hint=hint)


def recipe_settings(own: Mapping[str, Any] | None = None, arguments: Sequence[str] = ()) -> Settings:
    """The settings that runs have where no flag says otherwise.

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
    values = {name: DECLARED[name].default for name in names_of(Settings)}
    asked = {**values, **(own or {}), **chosen}
    facts_of(asked["dataset"])  # refuses what is no data set
    return Settings(**{**values, **recipe_of(asked["recipe"] or asked["dataset"]), **(own or {}), **chosen})


def run_command(flags: type[Flags], command: Callable[[Flags], int], program: str) -> int:
    """Parse the flags, run the command and return its exit code; what a person can mend becomes one line on stderr."""
    end_uncollected()
    program = as_started(program)
    if not is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    before = signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal can't show is no reason to fail
    try:
        given = _parse(flags, program)
        if processes() > 1 and not getattr(flags, "TOGETHER", False):
            raise BadInput("torchrun's processes train a run together, which is for experiments.degradation alone")
        if not is_first():
            return follow()
        code = command(given)
        release()
        sys.stdout.flush()
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
        print(f"error: MLflow refuses: {refusal}", file=sys.stderr)
        return RUN_FAILED
    except StoreAway as away:
        print(f"error: the tracking store is away ({away}); when it's back: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    except KeyboardInterrupt as interrupt:
        print(f"\ninterrupted; to go on: {program} {_again()}".rstrip(), file=sys.stderr)
        return TERMINATED if isinstance(interrupt.__cause__ or interrupt, Terminated) else INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _again() -> str:
    """The arguments to go on with."""
    shown = [without_credentials(argument) if "://" in argument else argument for argument in sys.argv[1:]]
    return shlex.join(argument for argument in shown if argument != "--fresh")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _defaults(flags: type[Flags]) -> Flags:
    """The flags' defaults; those of a command that trains come from the recipe that its arguments choose."""
    own = getattr(flags, "OWN", None)
    trains = any(each.name == "run" for each in fields(flags))  # type: ignore[arg-type]
    return flags(**({"run": recipe_settings(own, sys.argv[1:])} if trains else {}))


def _parse(flags: type[Flags], program: str) -> Flags:
    """tyro's parser, with the first statement of the box that it draws around an error as the error's line."""
    box = StringIO()
    try:
        with redirect_stderr(box):
            return tyro.cli(
                flags, prog=program, description=inspect.getdoc(flags), default=_defaults(flags), registry=registry
            )
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise BadInput(f"{_first_statement(box.getvalue())} (--help lists the flags)") from None


def _first_statement(box: str) -> str:
    """What stands between the first two rules of a box, which is drawn with blanks where there is no UTF-8."""
    parts: list[list[str]] = [[]]
    for line in box.splitlines():
        words = line.strip("│ ")
        if words.startswith(("╭", "╰")) or (words and set(words) <= set("─-")):
            parts.append([])
        elif words:
            parts[-1].append(words)
    return " ".join(parts[1])
