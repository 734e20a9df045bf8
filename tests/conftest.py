"""What several tests need: a tracking store of their own, and the smallest real configuration."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from plainres.settings import RunConfig
from plainres.sweeps.configure import configure
from plainres.system.hardware import cuda_is_available
from tests.faults.commands import Commands
from tests.servers import free_port

if TYPE_CHECKING:  # it would import MLflow, which some tests do without
    from plainres.running.folders import Job


# What a test starts takes Ctrl-C and the end of a terminal, even where the tests' own shell ignores them, as `nohup uv
# run pytest &` does: it inherits what is ignored, and no handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not cuda_is_available():
        pytest.skip("needs a CUDA GPU")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """What a test trains on: the CPU, and a GPU where there is one."""
    return str(request.param)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep two processes on two cores from waiting for each other's threads, which takes five times as long."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds, copying it none."""
    from plainres.tracking.runs import open_experiment

    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    open_experiment(f"sqlite:///{path}", "Default")
    return path


@pytest.fixture
def store(template_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty store, with mlflow.db and mlruns in an otherwise empty working folder.

    The path is absolute, since MLflow keeps one store for each URI, whatever the working folder.
    """
    shutil.copy(template_database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def folder(template_database: Path, tmp_path: Path) -> Path:
    """An empty working folder with an empty store; the commands' output goes beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(template_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def server(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """MLflow's server on the store."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", store)
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    from mlflow.server import app, handlers
    from werkzeug.serving import make_server

    monkeypatch.setattr(handlers, "_tracking_store", None)
    serving = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.port}"
    serving.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def postgresql(postgresql_server: str, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of PostgreSQL's: MLflow's tables and Optuna's don't go together."""
    import psycopg

    name = request.module.__name__.rpartition(".")[2]
    with psycopg.connect(f"{postgresql_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgresql_server}/{name}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server of its own, on a free port, in a temporary folder."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if found is None:
        pytest.skip("no PostgreSQL is installed")
    # Links lead to the folder that holds the programs that belong together.
    programs = Path(found).resolve().parent
    if not (programs / "postgres").exists():
        programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
    # The server refuses to run as root.
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    port = free_port()
    with TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, "nobody")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", f"{folder}/data", *arguments],
                check=True, stdout=subprocess.DEVNULL, cwd=folder, **user,
            )  # fmt: skip

        run("initdb", "-U", "tester", "--auth", "trust", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://tester:secret@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def job(store: str, tmp_path: Path) -> "Job":
    """What the runs of a sweep have in common, in an empty store."""
    from plainres.running.folders import Job
    from plainres.tracking.runs import open_experiment
    from plainres.tracking.source import Source

    experiment = open_experiment(store, "somewhere")
    parent = experiment.client.create_run(experiment.experiment_id).info.run_id
    return Job(experiment, parent, "", Source("", ""), tmp_path / "checkpoints", checkpoint_every=1)


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Starts commands from a process that has imported everything."""
    commands = Commands()
    yield commands
    for pid in commands.running:  # of a test that failed
        os.kill(pid, signal.SIGKILL)
    commands.process.kill()
    commands.process.wait()


@pytest.fixture(scope="session")
def tiny() -> Callable[..., RunConfig]:
    """Configurations of nets that train in a second."""

    def make(variant: str = "plain", depth: int = 8, seed: int = 0, **settings: object) -> RunConfig:
        return configure(variant, depth, seed, **{"width": 8, "epochs": 2, "device": "cpu", **settings})  # type: ignore[arg-type]

    return make
