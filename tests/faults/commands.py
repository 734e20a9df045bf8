"""Commands that can be killed, each in a folder of its own."""

import json
import subprocess
import sys
from pathlib import Path

from tests.environment import environment


class Commands:
    """Starts an experiment or a study in a process of its own, as `python -m experiments.degradation` in a folder."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "warm_commands.py"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"
        self.running: set[int] = set()

    def start(self, folder: Path, *arguments: str, module: str = "experiments.degradation", uri: str = "") -> int:
        """The process id of the command; it leads a process group of its own."""
        pid = self._ask({"start": arguments, "folder": str(folder), "module": module, "uri": uri})
        self.running.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The command's exit code, negative for a signal."""
        code = self._ask({"wait": pid})
        self.running.discard(pid)
        return code

    def run(self, folder: Path, *arguments: str, module: str = "experiments.degradation", uri: str = "") -> int:
        """Start the command and wait for its exit code."""
        return self.wait(self.start(folder, *arguments, module=module, uri=uri))

    def _ask(self, request: dict[str, object]) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())
