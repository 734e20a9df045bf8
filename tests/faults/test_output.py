"""Output that can't be written is no reason to train nothing."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.environment import environment
from tests.faults.commands import Commands
from tests.faults.stored import histories
from tests.faults.waiting import eventually

SWEEP = ["--depths", "8", "--width", "8", "--train-images", "600", "--test-images", "100", "--seeds", "1"]

# Of a command that opens a file and prints.
PROGRAM = """
import os, sys
from dataclasses import dataclass
from plainres.cli.command_line import run_command

@dataclass(frozen=True)
class Flags:
    pass

def main(flags):
    with open("kept", "w") as file:
        print("a result", flush=True)
        os.write(1, b"of a library")
        file.write("what is kept")
    return 0

sys.exit(run_command(Flags, main, "program"))
"""


def errors(folder: Path) -> str:
    return folder.with_name("folder.err").read_text()


def test_a_full_disk_below_the_output_is_said_when_all_is_trained(commands: Commands, folder: Path) -> None:
    folder.with_name("folder.out").symlink_to("/dev/full")
    assert commands.run(folder, *SWEEP, "--epochs", "2") == 1
    assert errors(folder) == "error: the output could not be written: No space left on device\n"
    assert len(histories(f"sqlite:///{folder / 'mlflow.db'}")) == 2
    assert list(folder.glob("mlruns/*/*/artifacts/report.html"))


def test_a_terminal_that_goes_away_ends_nothing_that_ignores_its_signal(commands: Commands, folder: Path) -> None:
    ours, theirs = pty.openpty()
    folder.with_name("folder.out").symlink_to(os.ttyname(theirs))
    command = commands.start(folder, *SWEEP, "--epochs", "60")  # of another session than the terminal's: no signal
    eventually(lambda: len(histories(f"sqlite:///{folder / 'mlflow.db'}")) == 2)
    os.close(theirs)
    os.close(ours)
    assert commands.wait(command) == 1
    assert errors(folder) == "error: the output could not be written: Input/output error\n"
    for _, history in histories(f"sqlite:///{folder / 'mlflow.db'}").values():
        assert [step for step, _ in history["loss/train"]] == list(range(1, 61))


def test_a_closed_output_gets_into_no_file_that_is_opened(tmp_path: Path) -> None:
    call = [sys.executable, "-c", PROGRAM]
    for closed in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f'"$0" "$@" {closed}', *call], cwd=tmp_path, env=environment())
        assert done.returncode == 0
        assert (tmp_path / "kept").read_text() == "what is kept"
