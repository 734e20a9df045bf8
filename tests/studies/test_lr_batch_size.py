import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from plainres.tuning.storage import existing_storage

ROOT = Path(__file__).parents[2]
STUDY = "lr-batch-size/digits/"
TINY = ["--width", "8", "--batch-sizes", "64", "128", "--pruner", "none", "--trials", "2"]
ARTIFACTS = ["arms.png", "history.png", "space.png", "trials.csv"]


def environment() -> dict[str, str]:
    without_uri = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return {**without_uri, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def start(folder: Path, *arguments: str, module: str = "studies.lr_batch_size") -> "subprocess.Popen[str]":
    """A command as a user starts it, in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # even where the tests' own shell ignores it
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


def trials(folder: Path, arm: str) -> list[FrozenTrial]:
    storage = existing_storage(f"sqlite:///{folder}/studies/lr_batch_size.db")
    if storage is None or STUDY + arm not in [study.study_name for study in storage.get_all_studies()]:
        return []
    return optuna.load_study(study_name=STUDY + arm, storage=storage).trials


def wait_for(there: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 100
    while not there():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.4)


def children(pid: int) -> list[int]:
    """The worker processes of a command, which its fork server starts."""

    def below(parent: int) -> list[int]:
        asked = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)]
        found = subprocess.run(asked, capture_output=True, text=True).stdout
        return [int(line.split()[0]) for line in found.splitlines() if "forkserver" in line]

    (server,) = below(pid)
    return below(server)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which studies of two networks went from nothing to their end, through a killed worker and Ctrl-C."""
    folder = tmp_path_factory.mktemp("studied")
    both = ["--depths", "8", "--epochs", "25", "--jobs", "1", *TINY]

    def training(arm: str, number: int) -> bool:
        return any(
            trial.number == number and trial.state == TrialState.RUNNING and len(trial.intermediate_values) > 1
            for trial in trials(folder, arm)
        )

    process = start(folder, *both)
    wait_for(lambda: training("plain-8", 0), process)
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGKILL)
    # Its replacement takes the trial up again under a new number, and is interrupted in turn.
    wait_for(lambda: training("plain-8", 1) or training("residual-8", 0), process)
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130, errors
    assert "Traceback" not in errors
    assert "to go on: uv run python -m studies.lr_batch_size --depths 8" in errors
    assert not [t for arm in ("plain-8", "residual-8") for t in trials(folder, arm) if t.state == TrialState.RUNNING]

    code, output, errors = finish(start(folder, *both))
    assert code == 0, errors
    return folder, output


def test_what_is_killed_and_interrupted_is_finished_by_the_next_start(studied: tuple[Path, str]) -> None:
    folder, output = studied
    for arm in ("plain-8", "residual-8"):
        done = [trial for trial in trials(folder, arm) if trial.state == TrialState.COMPLETE]
        assert len(done) == 2
        assert len({trial.params["lr"] for trial in done}) == 2
        assert {"lr": 0.02, "batch_size": 64} in [trial.params for trial in done]
        assert re.search(rf"{arm} +2/2 +0% +0 +0 ", output)
    failed = [t for arm in ("plain-8", "residual-8") for t in trials(folder, arm) if t.state == TrialState.FAIL]
    assert len(failed) == 2  # one by each of the two accidents: nothing but the trials in flight was lost
    assert sorted(path.name for path in folder.iterdir()) == ["mlflow.db", "mlruns", "studies"]


def test_the_studys_run_holds_its_result(studied: tuple[Path, str]) -> None:
    folder, _ = studied
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'lr_batch_size'")
    runs = client.search_runs([experiment.experiment_id], "tags.study LIKE '%'")
    assert {run.data.tags["study"] for run in runs} == {STUDY + "plain-8", STUDY + "residual-8"}
    for run in runs:
        done = [t for t in trials(folder, run.info.run_name.removeprefix("study-")) if t.state == TrialState.COMPLETE]
        best = min(done, key=lambda trial: trial.value or 0)
        assert run.info.status == "FINISHED"
        assert json.loads(run.data.tags["best_params"]) == best.params
        assert run.data.metrics["best/lr"] == best.params["lr"]
        assert run.data.metrics["study/prune_rate"] == 0
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        assert set(ARTIFACTS) <= {path.name for path in artifacts.iterdir()}
        with (artifacts / "trials.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["state"] == "complete"]
        assert [int(row["slot"]) for row in rows] == [0, 1]
        assert {row["run_id"] for row in rows} == {trial.user_attrs["run_id"] for trial in done}
    assert not client.search_runs([experiment.experiment_id], "status = 'RUNNING'")


def test_the_experiment_takes_the_tuned_values(studied: tuple[Path, str]) -> None:
    folder, _ = studied
    code, output, errors = finish(
        start(
            folder, "--tuned", "--depths", "8", "--width", "8", "--epochs", "25", "--seeds", "0", "--jobs", "1",
            module="experiments.degradation",
        )
    )  # fmt: skip
    assert code == 0, errors
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'degradation'")
    report = Path(next(line.split(maxsplit=1)[1] for line in output.splitlines() if line.startswith("Report:")))
    assert "## Tuned values" in report.read_text()
    for arm in ("plain-8", "residual-8"):
        done = [trial for trial in trials(folder, arm) if trial.state == TrialState.COMPLETE]
        best = min(done, key=lambda trial: trial.value or 0)
        (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{arm}-seed0'")
        assert (float(run.data.params["lr"]), int(run.data.params["batch_size"])) == tuple(
            best.params[name] for name in ("lr", "batch_size")
        )
        assert f"| {arm} | 2 | {best.params['lr']:.3g} (" in report.read_text()
        # The same seed, so trained from scratch to the same bits as the trial was.
        assert run.data.metrics["final/train_loss"] == best.value


BAD_STUDIES = {
    "--lr-range 1 0.1": "learning rates from 1 to 0.1 are no range",
    "--lr-range 0.1 0.1": "learning rates from 0.1 to 0.1 are no range",
    "--lr-range 0 1": "learning rates from 0 to 1 are no range",
    "--batch-sizes 16 5000": "batch size 5000 is above the 1293 training images of digits",
    "--batch-sizes 16 16": "batch size 16 is given twice",
    "--batch-sizes 1": "batch size 1 is below 2",
    "--trials 0": "trials 0 is below 1",
    "--jobs 0": "jobs 0 is below 1",
    "--objective test_error": "unknown objective 'test_error'; choose from train_loss",
    "--pruner thomas": "unknown pruner 'thomas'; choose from median",
    "--pruner-warmup 10": "the pruner's warm-up of 10 epochs is outside 0 to 9",
    "--sampler-seed -1": "sampler seed -1 is outside",
    "--depths 19": "depth 19 does not exist",
    "--storage nonsense": "storage 'nonsense' is no database's URL",
    "--storage foo://x": "storage foo://x can't be reached",
    "--storage sqlite:///missing/studies.db": "folder missing is missing",
    "--storage sqlite:///mlflow.db": "is MLflow's database",
    "--storage sqlite://": "a storage in memory can't be shared",
    "--storage postgresql://me:secret@127.0.0.1:1/studies": "storage postgresql://127.0.0.1:1/studies can't be reached",
    "--nonsense 3": "--nonsense",
}
BAD_TUNED = {
    "--tuned": "no study of plain-50, residual-50, plain-34, residual-34, plain-18, residual-18",
    "--tuned --lr 0.1": "leave out --lr and --batch-size",
    "--tuned --storage postgresql://me:secret@127.0.0.1:1/studies": "can't be reached",
    "--storage sqlite:///x.db": "are for --tuned",
}
ONE_BY_ONE = """
import contextlib, importlib, io, json, sys
from plainres.command_line import run_command
module = importlib.import_module(sys.argv[1])
answers = []
for arguments in json.loads(sys.argv[2]):
    sys.argv[1:] = arguments.split()
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        code = run_command(module.Flags, module.main, module.PROGRAM)
    answers.append((code, errors.getvalue()))
heavy = sorted({"torch", "mlflow", "pandas", "scipy", "seaborn", "sklearn"} & set(sys.modules))
print(json.dumps([answers, heavy]))
"""


@pytest.mark.parametrize(
    ("module", "bad_input"), [("studies.lr_batch_size", BAD_STUDIES), ("experiments.degradation", BAD_TUNED)]
)
def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(
    tmp_path: Path, module: str, bad_input: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, module, json.dumps(list(bad_input))],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers, heavy = json.loads(done.stdout)
    for (arguments, words), (code, errors) in zip(bad_input.items(), answers, strict=True):
        assert code == 2, arguments
        assert words in errors, arguments
        assert errors.startswith("error: "), arguments
        assert errors.count("\n") == 1, arguments
        assert "secret" not in errors
    assert heavy == []
    assert not list(tmp_path.iterdir())


def test_a_changed_definition_is_refused_and_nothing_written(studied: tuple[Path, str]) -> None:
    folder, _ = studied
    before = (folder / "mlflow.db").read_bytes(), len(trials(folder, "plain-8"))
    code, output, errors = finish(start(folder, "--depths", "8", "--epochs", "7", *TINY))
    assert (code, output) == (2, "")
    assert "exists with another definition: pruner's warm-up is 8, not 2; epochs is 25, not 7" in errors
    assert errors.count("\n") == 1
    assert ((folder / "mlflow.db").read_bytes(), len(trials(folder, "plain-8"))) == before
