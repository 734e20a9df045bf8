"""What every command does at its edges: other encodings, a reader that leaves, an early interrupt."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.degradation import Flags
from plainres.cli.command_line import run_command
from plainres.errors import StoreRefuses
from tests.environment import environment

DEGRADATION = [sys.executable, "-m", "experiments.degradation"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_bad_flag_is_named_whatever_the_terminal_can_show(tmp_path: Path, encoding: str) -> None:
    for flags, words in (
        ("--nonsense", "--nonsense"),
        ("--epochs many", "many"),
        ("--dataset \u00fc", "unknown data set"),
    ):
        done = subprocess.run(
            [*DEGRADATION, *flags.split()],
            cwd=tmp_path, env={**environment(), "PYTHONIOENCODING": encoding}, capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        line = done.stderr.decode(encoding)
        assert words in line
        assert line.startswith("error: ")
        assert line.count("\n") == 1


@pytest.mark.parametrize("columns", ["0", "1", "10"])
def test_a_bad_flag_is_named_whatever_the_terminals_width(tmp_path: Path, columns: str) -> None:
    environ = {**environment(), "COLUMNS": columns}
    done = subprocess.run(
        [*DEGRADATION, "--nonsense"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--nonsense" in done.stderr


@pytest.mark.parametrize("program", [DEGRADATION, [sys.executable, "-m", "plainres"]], ids=["experiment", "plainres"])
def test_who_reads_the_help_may_leave(tmp_path: Path, program: list[str]) -> None:
    with subprocess.Popen(
        [*program, "--help"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout
        assert command.stderr
        command.stdout.close()  # as `head` does when it has its lines
        assert command.stderr.read() == b""
        assert command.wait(60) == 141


def test_an_early_interrupt_leaves_no_traceback(tmp_path: Path) -> None:
    # While a command imports what it needs; begun is what `python -m experiments.NAME` imports first.
    with subprocess.Popen(
        [sys.executable, "-c", "import experiments, time; print('begun', flush=True); time.sleep(60)"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as command:  # fmt: skip
        assert command.stdout
        assert command.stderr
        command.stdout.readline()
        command.send_signal(signal.SIGINT)
        assert command.stderr.read() == "\ninterrupted\n"
        assert command.wait(60) == -signal.SIGINT  # which a shell shows as 130


@pytest.mark.parametrize("module", ["plainres", "experiments.degradation"])
def test_help_needs_neither_docstrings_nor_assertions(tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-OO", "-m", module, "--help"], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "degradation" in done.stdout or "--depths" in done.stdout


def test_a_refusal_of_the_store_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Flags) -> int:
        raise StoreRefuses("the run must be in the 'active' state")

    monkeypatch.setattr(sys, "argv", ["program", "--depths", "8"])
    assert run_command(Flags, refused, "uv run program") == 1
    assert capsys.readouterr().err == (
        "error: MLflow refuses: the run must be in the 'active' state; to go on: uv run program --depths 8\n"
    )
