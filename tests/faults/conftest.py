"""Commands that can be killed, each in a folder with a store of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Commands:
    """Starts the experiment in a process of its own, as `python -m experiments.degradation` in a folder."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "warm_commands.py"],
            env={**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"
        self.running: set[int] = set()

    def start(self, folder: Path, *arguments: str, uri: str = "") -> int:
        """The process id of the command; it leads a process group of its own."""
        pid = self._ask({"start": arguments, "folder": str(folder), "uri": uri})
        self.running.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The command's exit code, negative for a signal."""
        code = self._ask({"wait": pid})
        self.running.discard(pid)
        return code

    def run(self, folder: Path, *arguments: str, uri: str = "") -> int:
        """Start the command and wait for its exit code."""
        return self.wait(self.start(folder, *arguments, uri=uri))

    def _ask(self, request: dict[str, object]) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    commands = Commands()
    yield commands
    for pid in commands.running:  # of a test that failed
        os.kill(pid, signal.SIGKILL)
    commands.process.kill()


@pytest.fixture
def folder(template_database: Path, tmp_path: Path) -> Path:
    """An empty working folder with an empty store; the commands' output goes beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(template_database, folder / "mlflow.db")
    return folder
