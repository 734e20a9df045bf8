"""Carries out a command within a limit of time, in a process group of its own, its output in a file."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

GRACE = 15.0  # seconds, of its limit, that a command has to end in order
MOST_GRACE = 0.2  # of its limit


@dataclass(frozen=True)
class Ended:
    """Says how a command ended: its exit code, negative for a signal, after so many seconds."""

    code: int
    seconds: float
    timed_out: bool

    @property
    def words(self) -> str:
        """How it ended, in a few words."""
        if self.timed_out:
            return "stopped by its limit"
        return "finished" if self.code == 0 else f"failed with exit code {self.code}"


def carry_out(
    command: Sequence[str], log: Path, seconds: float, *, folder: Path, environment: Mapping[str, str]
) -> Ended:
    """Carry out a command; when most of its time is over it's interrupted as by Ctrl-C, and at its end killed.

    What it has left running is killed too.

    Args:
        command: the program and its arguments.
        log: where the output goes, after what is there.
        seconds: that it has.
        folder: that it works in.
        environment: all of its variables.
    """
    started = monotonic()
    grace = min(GRACE, MOST_GRACE * seconds)
    timed_out = False
    with log.open("a") as file:
        print(f"$ {shlex.join(command)}\n(at most {seconds:.0f} s)", file=file, flush=True)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            for number, after in ((signal.SIGINT, seconds - grace), (signal.SIGKILL, seconds)):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(started + after - monotonic())
                    break
                timed_out = True
                os.killpg(process.pid, number)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        ended = Ended(process.returncode, monotonic() - started, timed_out)
        print(f"({ended.words} after {ended.seconds:.0f} s)\n", file=file)
    return ended
