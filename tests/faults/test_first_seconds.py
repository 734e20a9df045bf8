"""The first command in an empty folder, stopped while it makes the store."""

import os
import signal
import time
from pathlib import Path

from plainres.tracking.store import check_store
from tests.faults.commands import Commands
from tests.faults.stored import histories

SHORT = ["--depths", "8", "14", "--width", "8", "--epochs", "1", "--seeds", "1", "--jobs", "2"]
SECONDS = [0.3, 0.6, 0.9, 1.2, 1.5, 1.8]  # over the time that it takes to make the database


def test_whoever_stops_the_first_command_in_its_first_seconds_goes_on_with_the_second(
    commands: Commands, tmp_path: Path
) -> None:
    stopped = []
    for number, seconds in enumerate(SECONDS):
        folder = tmp_path / f"folder{number}"
        folder.mkdir()
        command = commands.start(folder, *SHORT)
        time.sleep(seconds)
        if number % 2:
            os.killpg(command, signal.SIGINT)  # as a terminal does
        else:
            os.kill(command, signal.SIGKILL)
        stopped.append(commands.wait(command))
        check_store(f"sqlite:///{folder / 'mlflow.db'}")
        assert "Traceback" not in folder.with_name(f"{folder.name}.err").read_text()
    assert -signal.SIGKILL in stopped
    assert 130 in stopped
    for folder in (tmp_path / "folder1", tmp_path / "folder4"):
        assert commands.run(folder, *SHORT) == 0, folder.with_name(f"{folder.name}.err").read_text()
        assert len(histories(f"sqlite:///{folder / 'mlflow.db'}")) == 4
        assert not list(folder.glob("*mlflow.db?*"))
