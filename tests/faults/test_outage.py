"""A real tracking server that goes away while a sweep, a study or a single run trains."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from experiments import image_classification
from plainres.cli.command_line import run_command
from plainres.running import tracked_run
from tests.faults.commands import Commands
from tests.faults.stored import histories
from tests.faults.waiting import eventually
from tests.servers import answers, free_port

SWEEP = [
    "--depths", "8", "--width", "8", "--epochs", "8", "--seeds", "0", "1", "--jobs", "2",
    "--checkpoint-every", "1", "--checkpoint-dir", "checkpoints",
]  # fmt: skip


class Server:
    """`mlflow server` on loopback, to be stopped and started again."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        shutil.copy(template, folder / "server.db")
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process:
            return
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
        eventually(lambda: answers(self.uri), 90)

    def stop(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def only_server(tmp_path_factory: pytest.TempPathFactory, template_database: Path) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), template_database)
    yield server
    server.stop()


@pytest.fixture
def server(only_server: Server) -> Server:
    """The one server, running; every test has an experiment of its own there."""
    only_server.start()
    return only_server


def check(server: Server, name: str) -> None:
    """Four runs in an experiment, every step of every metric once."""
    found = histories(server.uri, name)
    assert len(found) == 4
    for _, history in found.values():
        assert {metric: [step for step, _ in entries] for metric, entries in history.items() if "/" in metric} == {
            metric: {"final": [8], "initial_grad_norm": [0]}.get(
                metric.split("/")[0], list(range(int("grad" not in metric), 9))
            )
            for metric in history
            if "/" in metric
        }
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name(name)
    assert {run.info.status for run in client.search_runs([experiment.experiment_id])} == {"FINISHED"}


def output(folder: Path) -> str:
    return folder.with_name("folder.out").read_text()


@pytest.mark.slow
def test_what_an_outage_holds_up_is_sent_when_the_server_is_back_or_at_the_next_start(
    commands: Commands, folder: Path, server: Server
) -> None:
    sweep = [*SWEEP, "--experiment-name", "held up"]
    command = commands.start(folder, *sweep, uri=server.uri)
    eventually(lambda: len(histories(server.uri, "held up")) == 2)
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
    check(server, "held up")
    assert "Traceback" not in folder.with_name("folder.err").read_text()


def test_an_outage_in_the_middle_of_a_sweep_is_made_up_for(commands: Commands, folder: Path, server: Server) -> None:
    command = commands.start(folder, *SWEEP, "--experiment-name", "made up for", uri=server.uri)
    eventually(lambda: len(histories(server.uri, "made up for")) == 2)
    server.stop()
    eventually(lambda: "its results wait in" in output(folder))
    server.start()
    assert commands.wait(command) == 0
    check(server, "made up for")


@pytest.mark.slow
def test_an_outage_of_25_seconds_in_the_middle_of_a_study_costs_nothing(
    commands: Commands, folder: Path, server: Server
) -> None:
    study = [
        "--depths", "8", "--width", "8", "--epochs", "8", "--train-images", "600", "--test-images", "100",
        "--batch-sizes", "64", "--pruner", "none", "--trials", "2", "--jobs", "2",
        "--checkpoint-dir", "checkpoints", "--experiment-name", "studied",
    ]  # fmt: skip
    command = commands.start(folder, *study, module="studies.lr_batch_size", uri=server.uri)
    eventually(lambda: len(histories(server.uri, "studied")) == 2)
    server.stop()
    time.sleep(25)
    server.start()
    assert commands.wait(command) == 0, output(folder)
    assert output(folder).count("2/2") == 2
    check(server, "studied")
    storage = RDBStorage(f"sqlite:///{folder / 'studies' / 'lr_batch_size.db'}")
    for summary in storage.get_all_studies():
        trials = storage.get_all_trials(summary._study_id)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2  # no trial was begun twice
        assert [len(trial.intermediate_values) for trial in trials] == [8, 8]


def test_an_outage_in_the_middle_of_a_single_run_is_made_up_for_by_the_same_command(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose_server(*_: object) -> str:
        server.stop()
        return "the last"

    def classify() -> int:
        return run_command(image_classification.Flags, image_classification.main, image_classification.PROGRAM)

    arguments = ["--dataset", "digits", "--depth", "8", "--width", "8", "--image-size", "12"]
    arguments += ["--checkpoint-dir", "checkpoints"]
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setattr("sys.argv", [image_classification.PROGRAM, *arguments])
    with monkeypatch.context() as losing:
        losing.setattr(image_classification, "epoch_text", lose_server)
        losing.setattr(tracked_run, "PATIENCE", 0)
        assert classify() == 1
    told = capsys.readouterr()
    assert "metrics are kept in checkpoints" in told.out
    assert told.err.startswith("failed: trained, but the tracking store is away (")
    assert "its results wait in checkpoints" in told.err
    assert told.err.count("\n") == 1

    server.start()
    assert classify() == 0
    ((run_id, history),) = histories(server.uri, "image-classification").values()
    assert [step for step, _ in history["loss/train"]] == [1, 2, 3]
    names = {file.path for file in MlflowClient(server.uri).list_artifacts(run_id)}
    assert {"model.pt", "confusion.png", "predictions.png"} <= names
    assert not list(folder.glob("checkpoints/*-seed*"))
