"""What a command prints is read on every terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from plainres.screen.console import console

PRINT = r"""
from plainres.screen.table import text_table
from plainres.screen.console import console
screen = console()
screen.print(text_table(("arm", "error"), [("plain", "33.20 ± 21.60"), ("residual", "–")], "of 3 × 4"))
screen.print("≤ [bold]1[/bold] :smile: \u65e5 \udcff ä")
"""


def printed(**environment: str) -> str:
    """What a process prints into a pipe."""
    done = subprocess.run(command(), env=variables(**environment), capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return done.stdout.decode(environment.get("PYTHONIOENCODING", "utf-8"))


def command() -> list[str]:
    return [sys.executable, "-c", PRINT.encode("ascii", "backslashreplace").decode()]


def variables(**environment: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}
    return {**mine, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), **environment}


def test_names_are_printed_as_they_are() -> None:
    assert "≤ [bold]1[/bold] :smile: 日 ? ä" in printed(PYTHONIOENCODING="utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_what_an_encoding_lacks_is_replaced(encoding: str) -> None:
    output = printed(PYTHONIOENCODING=encoding)
    assert "33.20" in output
    assert "21.60" in output
    assert "<= [bold]1" in output or "≤ [bold]1" in output
    assert "of 3 x 4" in output or "of 3 × 4" in output
    assert ("±" in output) is (encoding != "ascii")


def test_the_c_locale_is_no_trouble() -> None:
    output = printed(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert "33.20 +- 21.60" in output


@pytest.mark.parametrize("columns", ["0", "1", "7", "39"])
def test_no_width_loses_a_character(columns: str) -> None:
    output = "".join(printed(COLUMNS=columns, PYTHONIOENCODING="utf-8").split())
    assert "33.20±21.60" in output
    assert "[bold]1[/bold]:smile:" in output


def test_a_terminal_of_no_size_has_80_columns() -> None:
    ours, theirs = pty.openpty()  # 0 x 0, as builds and containers have it
    process = subprocess.Popen(command(), stdin=theirs, stdout=theirs, stderr=theirs, env=variables(TERM="xterm"))
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait(60) == 0
    assert "33.20 ± 21.60" in output.decode()


def test_a_notebook_gets_text_that_streams(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)  # as ipykernel's is
    assert not console().is_terminal
    console().print("epoch 1/5  " + "x" * 200, soft_wrap=True)
    assert capsys.readouterr().out == "epoch 1/5  " + "x" * 200 + "\n"
