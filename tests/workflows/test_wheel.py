"""The wheel is whole: in an environment that has nothing of this project it gives the API and the commands."""

import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environment import ROOT, environment

pytestmark = pytest.mark.slow

TINY = ["--width", "8", "--epochs", "1", "--train-images", "600", "--device", "cpu", "--jobs", "1"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel that is built of it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of an environment that holds the wheel, beside the dependencies that are installed here."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    subprocess.run(["uv", "venv", "--python", sys.executable, str(folder / "venv")], check=True, capture_output=True)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "plainres/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"plainres"}
    command = ["uv", "pip", "install", "--python", str(folder / "venv"), "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (packages,) = (folder / "venv").glob("lib/*/site-packages")
    # As the last place, so that nothing comes from this clone; its .pth files aren't read there.
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    without_clone = {name: value for name, value in environment().items() if name != "PYTHONPATH"}

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(folder / "venv" / "bin" / program), *arguments],
            cwd=folder, env=without_clone, capture_output=True, text=True, timeout=240,
        )  # fmt: skip

    return run


def test_the_metadata_is_what_an_index_takes(built: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_help_lists_every_experiment_and_study(installed: Run) -> None:
    shown = installed("plainres", "--help").stdout
    for room in ("experiments", "studies"):
        for path in (ROOT / room).glob("[!_]*.py"):
            assert f"\n  {path.stem.replace('_', '-')} " in shown


def test_a_command_trains_where_the_user_stands_and_python_finds_it(installed: Run) -> None:
    done = installed("plainres", "degradation", "--depths", "8", "14", "--seeds", "0", "1", *TINY)
    assert done.returncode == 0, done.stderr
    assert "Undertrained: with 8 layers" in done.stdout
    code = (
        "import plainres; print(plainres.__file__, plainres.__version__)\n"
        "sweep = plainres.compare(depths=[8, 14], seeds=2, width=8, epochs=1, train_images=600, device='cpu', jobs=1)\n"
        "print(len(sweep.runs), sweep.parent_run_id)"
    )
    found = installed("python", "-c", code)
    assert found.returncode == 0, found.stderr
    file, version, runs, parent = found.stdout.split()
    assert "/installed" in file
    assert version == installed("plainres", "--version").stdout.strip()
    assert runs == "8"
    assert parent in done.stdout  # in the path of the report


def test_a_study_answers_and_what_is_wrong_is_one_line(installed: Run) -> None:
    assert "Tune learning rate and batch size" in installed("plainres", "lr-batch-size", "--help").stdout
    for arguments, words in (
        (["degradaton"], "error: no command is called 'degradaton'; is degradation meant?\n"),
        (["degradation", "--arms", "dense"], "error: arm 'dense': unknown variant"),
    ):
        done = installed("plainres", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(words)
