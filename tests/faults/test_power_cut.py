"""A loss of power right after a command, or in its middle: what was never flushed to the disk is gone."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from plainres.analysis.trained import load_run
from plainres.errors import BadInput
from tests.environment import environment
from tests.faults.commands import Commands
from tests.faults.stored import weights, workers_of
from tests.faults.waiting import eventually

TINY = ["--depths", "8", "14", "--width", "8", "--epochs", "2", "--seeds", "0", "1"]
MEGABYTES = 200


class Disk:
    """A file system of its own that keeps for minutes in memory what nobody asks it to flush."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image = image
        self.place = place
        self.cuts = 0

    @contextmanager
    def after_a_power_cut(self) -> Iterator[Path]:
        """The disk as a machine finds it that has lost its power now."""
        self.cuts += 1  # a place of its own for each: MLflow keeps databases open by their names
        image, place = self.image.with_suffix(f".{self.cuts}"), self.place.with_suffix(f".{self.cuts}")
        # Its holes stay holes: a copy that takes long would have what the kernel writes meanwhile, in another order.
        subprocess.run(["cp", "--sparse=always", self.image, image], check=True)
        place.mkdir()
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
        try:
            yield place / "folder"
        finally:
            subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def disk(tmp_path: Path, template_database: Path) -> Iterator[Disk]:
    image, place = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(MEGABYTES * 2**20)
    place.mkdir()
    made = not os.geteuid() and not subprocess.run(["mkfs.ext4", "-q", image], check=False).returncode
    if not made or subprocess.run(["mount", "-o", "loop,commit=300", image, place]).returncode:
        pytest.skip("mounting a file system takes root")
    (place / "folder").mkdir()
    shutil.copy(template_database, place / "folder" / "mlflow.db")
    subprocess.run(["sync", "-f", place], check=True)
    yield Disk(image, place)
    subprocess.run(["umount", "-l", place], check=True)


def is_stopped(process: int) -> bool:
    """Whether what the process was just writing is written: until then it isn't stopped."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def finished(folder: Path) -> list[str]:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs(["1"], "attributes.status = 'FINISHED' AND tags.config_hash LIKE '%'")
    return [run.info.run_id for run in runs]


def test_what_a_command_has_said_to_be_done_outlasts_a_power_cut(commands: Commands, disk: Disk) -> None:
    folder = disk.place / "folder"
    assert commands.run(folder, *TINY) == 0
    (report,) = folder.glob("mlruns/*/*/artifacts/report.html")
    with disk.after_a_power_cut() as left:
        assert sorted(finished(left)) == sorted(finished(folder))
        for run_id in finished(left):
            assert weights(left, run_id).keys() == weights(folder, run_id).keys()
        for path in report.parent.iterdir():
            assert (left / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name
        assert not list(left.glob("mlruns/checkpoints/*/epoch-*"))


def test_a_run_that_counts_as_finished_has_its_network_whenever_the_power_goes(commands: Commands, disk: Disk) -> None:
    folder = disk.place / "folder"
    command = commands.start(folder, *TINY[:-2], *map(str, range(20)))
    for runs in (1, 4):
        eventually(lambda runs=runs: len(finished(folder)) >= runs)  # type: ignore[misc]
        at_work = [command, *workers_of(folder)]
        for process in at_work:
            os.kill(process, signal.SIGSTOP)  # the image is copied in a while, and the power goes in a moment
        eventually(lambda at_work=at_work: all(map(is_stopped, at_work)))  # type: ignore[misc]
        with disk.after_a_power_cut() as left:
            for process in at_work:
                os.kill(process, signal.SIGCONT)
            assert len(finished(left)) >= runs - 1
            for run_id in finished(left):
                assert weights(left, run_id)
    os.kill(command, signal.SIGKILL)
    commands.wait(command)


def test_a_network_or_report_that_was_damaged_all_the_same_is_named_and_made_anew(
    commands: Commands, folder: Path
) -> None:
    assert commands.run(folder, *TINY) == 0
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    (report,) = folder.glob("mlruns/*/*/artifacts/report.html")
    report.write_text("")
    damaged = finished(folder)[:2]
    for run_id, content, words in zip(damaged, (b"", b"else"), ("is empty", "is not what was stored"), strict=True):
        (path,) = folder.glob(f"mlruns/*/{run_id}/artifacts/model.pt")
        path.write_bytes(content)
        with pytest.raises(BadInput, match=words) as refusal:
            load_run(run_id, uri)
        assert len(str(refusal.value).splitlines()) == 1
        advice = str(refusal.value).partition("`uv run ")[2].partition("`")[0].split()
        words_to_run = [Path(sys.executable).parent / advice[0], *advice[1:]]
        subprocess.run(words_to_run, check=True, cwd=folder, env=environment())

    assert commands.run(folder, *TINY) == 0
    assert "seed" in report.read_text()
    assert len(finished(folder)) == 8
    assert not {*damaged} & {*finished(folder)}
    for run_id in finished(folder):
        load_run(run_id, uri)
