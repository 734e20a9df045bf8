"""A real tracking server that goes away while a sweep trains."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from tests.faults.conftest import Commands
from tests.faults.stored import histories
from tests.faults.waiting import eventually

SWEEP = [
    "--depths",
    "8",
    "--width",
    "8",
    "--epochs",
    "8",
    "--seeds",
    "0",
    "1",
    "--jobs",
    "2",
    "--checkpoint-every",
    "1",
]


class Server:
    """`mlflow server` on loopback, to be stopped and started again."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        shutil.copy(template, folder / "server.db")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"),
                *("--artifacts-destination", str(self.folder / "artifacts")),
            ],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urlopen(f"{self.uri}/health").close()
            except URLError:
                time.sleep(0.2)
            else:
                return
        raise TimeoutError("the server doesn't start")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path, template_database: Path) -> Iterator[Server]:
    server = Server(tmp_path, template_database)
    server.start()
    yield server
    server.stop()


def check(server: Server) -> None:
    """Four runs, every step of every metric once."""
    found = histories(server.uri)
    assert len(found) == 4
    for _, history in found.values():
        assert {metric: [step for step, _ in entries] for metric, entries in history.items() if "/" in metric} == {
            metric: [8] if metric.startswith("final/") else list(range(int("grad" not in metric), 9))
            for metric in history
            if "/" in metric
        }
    assert {run.info.status for run in MlflowClient(server.uri).search_runs(["1"])} == {"FINISHED"}


def output(folder: Path) -> str:
    return folder.with_name("folder.out").read_text()


def test_what_an_outage_holds_up_is_sent_when_the_server_is_back_or_at_the_next_start(
    commands: Commands, folder: Path, server: Server
) -> None:
    sweep = [*SWEEP, "--checkpoint-dir", "checkpoints"]
    command = commands.start(folder, *sweep, uri=server.uri)
    eventually(lambda: len(histories(server.uri)) == 2)
    server.stop()
    eventually(lambda: "metrics are kept in checkpoints" in output(folder))
    eventually(lambda: output(folder).count("its results wait in") == 4)  # every run is trained all the same
    os.kill(command, signal.SIGINT)
    assert commands.wait(command) == 130

    command = commands.start(folder, *sweep, uri=server.uri)
    assert commands.wait(command) == 2
    assert f"tracking server {server.uri} can't be reached" in folder.with_name("folder.err").read_text()

    server.start()
    command = commands.start(folder, *sweep, uri=server.uri)
    assert commands.wait(command) == 0
    check(server)
    assert "Traceback" not in folder.with_name("folder.err").read_text()


def test_an_outage_in_the_middle_of_a_sweep_is_made_up_for(commands: Commands, folder: Path, server: Server) -> None:
    sweep = [*SWEEP, "--checkpoint-dir", "checkpoints"]
    command = commands.start(folder, *sweep, uri=server.uri)
    eventually(lambda: len(histories(server.uri)) == 2)
    server.stop()
    eventually(lambda: "its results wait in" in output(folder))
    server.start()
    assert commands.wait(command) == 0
    check(server)
