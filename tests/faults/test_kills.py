import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import mean

import pytest
import torch
from mlflow import MlflowClient

from tests.faults.commands import Commands
from tests.faults.stored import TIMES, histories, weights, without_times, workers_of

KILLS = 20
EPOCHS = 6
SWEEP = [
    "--depths", "8", "14", "--width", "8", "--epochs", str(EPOCHS), "--seeds", "0", "1", "--checkpoint-every", "1",
    "--train-images", "300", "--test-images", "100",
]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(commands: Commands, template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sweep as it goes when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "folder"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(template_database.read_bytes())
    assert commands.run(folder, *SWEEP) == 0
    return folder


def wait_for_lines(folder: Path, count: int) -> None:
    """Return after so many more lines in the journals of the runs."""
    seen = set()
    deadline = time.monotonic() + 60
    while len(seen) <= count and time.monotonic() < deadline:
        with suppress(FileNotFoundError):  # a run has just finished
            seen.add(sum(path.stat().st_size for path in folder.glob("mlruns/checkpoints/*/journal")))
        time.sleep(0.01)


def test_nothing_is_lost_over_20_kills(commands: Commands, folder: Path, undisturbed: Path) -> None:
    expected = histories(f"sqlite:///{undisturbed / 'mlflow.db'}")
    epoch = mean(history["final/seconds"][0][1] for _, history in expected.values()) / EPOCHS
    moments = random.Random(0)
    kills: Counter[str] = Counter()
    while kills.total() < KILLS:
        command = commands.start(folder, *SWEEP)
        if moments.random() < 0.8:
            wait_for_lines(folder, moments.randrange(1, 5))
        time.sleep(moments.uniform(0, 2 * epoch))
        workers = workers_of(folder)
        if workers and moments.random() < 0.5:
            os.kill(moments.choice(workers), signal.SIGKILL)
            kills["one worker"] += 1
            time.sleep(moments.uniform(0, 2 * epoch))
        kills["everything, in training" if workers_of(folder) else "everything, before training"] += 1
        os.kill(command, signal.SIGKILL)  # its workers follow it
        assert commands.wait(command) == -signal.SIGKILL, f"the sweep was over after {kills}"
    print(kills)
    assert kills["one worker"] + kills["everything, in training"] >= KILLS / 2
    assert commands.run(folder, *SWEEP) == 0

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    disturbed = histories(uri)
    assert disturbed.keys() == expected.keys()
    for name, (run_id, history) in disturbed.items():
        expected_id, expected_history = expected[name]
        assert without_times(history) == without_times(expected_history), name
        for metric in TIMES:
            assert [step for step, _ in history[metric]] == [step for step, _ in expected_history[metric]], name
        ours, theirs = weights(folder, run_id), weights(undisturbed, expected_id)
        assert all(torch.equal(ours[layer], theirs[layer]) for layer in theirs), name
    statuses = {run.info.status for run in MlflowClient(uri).search_runs(["1"])}
    assert statuses == {"FINISHED"}
    assert not list(folder.glob("mlruns/checkpoints/*-seed*"))
    assert "Traceback" not in folder.with_name("folder.err").read_text()
