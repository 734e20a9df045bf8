"""Every command and every piece of Python in README and docs runs, in a shortened form."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from tests.docs.pages import COMMANDS, PAGES, program_of
from tests.docs.short import SMALL, Words, shortened
from tests.environment import environment
from tests.faults.commands import Commands
from tests.servers import free_port

pytestmark = pytest.mark.slow
PYTHON = [command for command in COMMANDS if program_of(command)[1][:2] == ["python", "-m"]]
# A page's blocks, one after the other; those that ask for no sweep have tests of their own.
SCRIPTS = ["\n".join(page.python) for page in PAGES if "RUN_ID" in page.text and page.python]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all commands run, one after the other, as a reader types them."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small images of ten classes."""
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 10)):
        for label in range(10):
            place = folder / split / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(noise.integers(256, size=(8, 8, 3), dtype=np.uint8)).save(place / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def finish(commands: Commands, folder: Path) -> Callable[[Words], None]:
    """Runs a command to its end; once, where several commands have one shortened form."""

    @cache
    def finish(words: Words) -> None:
        module, *arguments = words
        code = commands.run(folder, *arguments, module=module)
        assert code == 0, Path(f"{folder}.err").read_text()

    return finish


@pytest.fixture(scope="module")
def sweep(finish: Callable[[Words], None], folder: Path) -> str:
    """The run id of the sweep that the README's first command asks for."""
    words = shortened(PYTHON[0], {})
    finish(words)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("degradation")
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], f"params.depths = '{SMALL['depths']}'")
    return parent.info.run_id


@pytest.mark.parametrize("command", PYTHON)
def test_a_command_finishes(command: str, finish: Callable[[Words], None], images: Path, sweep: str) -> None:
    finish(shortened(command, {"FOLDER": str(images), "RUN_ID": sweep}))


@pytest.mark.parametrize("script", SCRIPTS)
def test_python_runs(script: str, folder: Path, sweep: str) -> None:
    code = script.replace("RUN_ID", sweep)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def address(folder: Path, sweep: str) -> Iterator[str]:
    """Where MLflow's UI is, started as the README says, but on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port)]
    one_process = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "ui.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment() | one_process, stdout=log, stderr=log, start_new_session=True
        )
    yield f"http://127.0.0.1:{port}"
    os.killpg(server.pid, signal.SIGTERM)
    server.wait()


def test_mlflows_ui_shows_the_store_of_this_folder(address: str, sweep: str) -> None:
    asked, until = f"{address}/api/2.0/mlflow/runs/get?run_id={sweep}", monotonic() + 60
    while True:
        try:
            with urlopen(asked) as answer:
                assert sweep in answer.read().decode()
            return
        except URLError:
            assert monotonic() < until
            sleep(0.2)
