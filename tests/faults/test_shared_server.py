"""Two machines, which share no folder, at one sweep through MLflow's server on PostgreSQL, started as the docs say."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.environment import ROOT, environment
from tests.faults.commands import Commands
from tests.faults.stored import workers_of
from tests.faults.waiting import eventually
from tests.servers import answers, free_port

pytestmark = pytest.mark.slow
Accounts = list[str]
SERVER, ACCOUNTS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "scale.md").read_text(), re.DOTALL)
TINY = ["--width", "8", "--train-images", "600", "--test-images", "100", "--jobs", "2", "--checkpoint-every", "1"]


@pytest.fixture(scope="module")
def server(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """The server's address by its host's name, with the name and the password of each machine's account."""
    folder = tmp_path_factory.mktemp("server")
    port, host = free_port(), socket.gethostname()
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        host = "localhost"

    def script(text: str) -> str:
        for shown, here in {
            "postgresql://plainres@localhost/plainres": postgresql,
            "/srv/plainres": str(folder / "artifacts"),
            "0.0.0.0": "127.0.0.1",
            "5000": str(port),
            "SERVER,SERVER:": f"{host},{host}:",
            "uv run --extra server mlflow": f"{sys.executable} -m mlflow",
            "uv run --extra server python": sys.executable,
        }.items():
            text = text.replace(shown, here)
        assert "uv run" not in text
        assert "SERVER:" not in text
        return text

    one_process = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-e", "-c", script(SERVER)], cwd=folder, env=environment() | one_process,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    eventually(lambda: answers(f"http://127.0.0.1:{port}"), 120)
    made = subprocess.run(
        ["bash", "-e", "-c", script(ACCOUNTS)],
        cwd=folder,
        env=environment(),
        text=True,
        capture_output=True,
        check=True,
    )
    accounts = re.findall(r"export MLFLOW_TRACKING_USERNAME=(\S+) MLFLOW_TRACKING_PASSWORD=(\S+)", made.stdout)
    assert [name for name, _ in accounts] == ["machine-1", "machine-2"]
    for secret in (folder / "server.env", folder / "users.ini"):
        assert secret.stat().st_mode & 0o077 == 0
    listed = subprocess.run(["ps", "axww", "-o", "args"], text=True, capture_output=True, check=True).stdout
    assert str(folder) in listed
    assert "SECRET" not in listed
    assert "AnotherSecret" not in listed
    yield [f"http://{name}:{password}@{host}:{port}" for name, password in accounts]
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


@pytest.fixture
def machines(tmp_path: Path) -> list[Path]:
    """The folders that two machines work in."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    return folders


def arguments(name: str, *words: str) -> list[str]:
    """Of the command, whose checkpoints lie in the folder that it works in."""
    return ["--experiment-name", name, "--checkpoint-dir", "checkpoints", *TINY, *words]


def trained(uri: str, name: str) -> list[Run]:
    """The runs that were begun for a sweep, by name."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], "tags.config_hash LIKE '%'")
    return sorted(found, key=lambda run: str(run.info.run_name))


def said(folder: Path) -> str:
    output = Path(f"{folder}.out")
    return output.read_text() if output.exists() else ""


def test_two_machines_train_each_run_of_a_sweep_once(
    commands: Commands, server: Accounts, machines: list[Path]
) -> None:
    sweep = arguments("shared", "--depths", "8", "14", "--seeds", "0", "1", "2", "--epochs", "3")
    started = [commands.start(folder, *sweep, uri=uri) for folder, uri in zip(machines, server, strict=True)]
    codes = [commands.wait(command) for command in started]
    assert codes == [0, 0], [Path(f"{folder}.err").read_text() for folder in machines]
    runs = trained(server[0], "shared")
    assert len({run.info.run_name for run in runs}) == len(runs) == 12
    assert {run.info.status for run in runs} == {"FINISHED"}
    client = MlflowClient(server[1])
    for run in runs:
        assert [entry.step for entry in client.get_metric_history(run.info.run_id, "loss/train")] == [1, 2, 3]
    assert all("Report: " in said(folder) and "secret" not in said(folder).lower() for folder in machines)
    assert all("another process trains it" in said(folder) or "trained already" in said(folder) for folder in machines)


def test_a_machine_that_dies_is_succeeded_by_the_other(
    commands: Commands, server: Accounts, machines: list[Path]
) -> None:
    sweep = arguments("succeeded", "--depths", "8", "--seeds", "1", "--epochs", "100")
    first = commands.start(machines[0], *sweep, uri=server[0])
    eventually(lambda: len(workers_of(machines[0])) == 2)
    second = commands.start(machines[1], *sweep, uri=server[1])
    eventually(lambda: said(machines[1]).count("another process trains it") == 2)
    os.kill(first, signal.SIGKILL)
    commands.wait(first)
    assert commands.wait(second) == 0, Path(f"{machines[1]}.err").read_text()
    assert said(machines[1]).count("it is trained here too, from the beginning on") == 2
    ends = Counter((run.info.run_name, run.info.status) for run in trained(server[0], "succeeded"))
    assert ends == {(f"{arm}-8-seed0", end): 1 for arm in ("plain", "residual") for end in ("RUNNING", "FINISHED")}
    # The machine that is back finds nothing to do, and keeps nothing.
    assert commands.run(machines[0], *sweep, uri=server[0]) == 0
    assert len(trained(server[0], "succeeded")) == 4
    assert not list(machines[0].glob("checkpoints/*-seed*"))
