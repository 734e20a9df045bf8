"""Run a command: parse its flags, turn what a person can mend into one line, and give its exit code."""

import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from plainres.cli.flags import given_in, request_of
from plainres.cli.help_text import help_text
from plainres.cli.streams import lasting_streams
from plainres.errors import BadInput, ProcessesFail, StoreAway, StoreRefuses, Terminated, without_credentials
from plainres.running.together import as_started, follow, release
from plainres.system.garbage import end_uncollected
from plainres.system.hardware import is_first, processes
from plainres.system.stopping import STOPS, is_heard
from plainres.workflows.requests import TrackedRequest
from plainres.workflows.settings_file import settings_text

if TYPE_CHECKING:
    from plainres.analysis import SweepResults

FINISHED, RUN_FAILED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE, SIGNALLED = 0, 1, 2, 130, 141, 128

Flags = TypeVar("Flags")


def exit_code(results: "SweepResults") -> int:
    """Return the exit code of a command about a sweep: whether one of its runs failed."""
    return RUN_FAILED if results.missing else FINISHED


def left_by_reader() -> int:
    """Print nothing any more, since who reads, as `head`, has seen enough; returns the exit code of that."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


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
        asked = _asked(flags, program)
        if asked is None:
            sys.stdout.flush()
            return FINISHED
        if processes() > 1 and not getattr(flags, "TOGETHER", False):
            raise BadInput("torchrun's processes train a run together, which is for experiments.degradation alone")
        if not is_first():
            return follow()
        code = command(asked)
        release()
        sys.stdout.flush()
        for error in filter(None, (file.error for file in files)):
            print(f"error: the output could not be written: {error.strerror}", file=sys.stderr)
            code = code or RUN_FAILED
        return code
    except BrokenPipeError:
        return left_by_reader()
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


def _asked(flags: type[Flags], program: str) -> Flags | None:
    """What the command line asks for, with its settings file; None where it was the help.

    Raises:
        BadInput: a flag is unknown or given twice, or its value is of another type or out of its bounds.
    """
    given = given_in(flags, sys.argv[1:])
    if given.pop("help", False):
        print(help_text(flags, program, given))
        return None
    asked = request_of(flags, given)
    if isinstance(asked, TrackedRequest):
        asked = replace(asked, settings_file=settings_text(asked, f"{program} {_again()}"))
    return asked
