import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from experiments import degradation
from plainres.cli.command_line import run_command
from plainres.sweeps.configure import configure, filled
from plainres.training import train
from plainres.tuning.storage import existing_storage
from tests.bad_input import check_bad_input
from tests.environment import environment
from tests.faults.commands import Commands
from tests.faults.stored import histories, processes_at
from tests.faults.waiting import eventually

MODULE = "studies.lr_batch_size"
STUDY = "lr-batch-size/digits/"
SETTINGS = ["--depths", "8", "--width", "8", "--train-images", "600", "--test-images", "100", "--jobs", "1"]
TINY = [*SETTINGS, "--batch-sizes", "64", "128", "--pruner", "none", "--trials", "2"]
ARTIFACTS = ["arms.png", "budget.png", "history.png", "report.md", "space.png", "trials.csv"]


def trials(folder: Path, arm: str) -> list[FrozenTrial]:
    with existing_storage(f"sqlite:///{folder}/studies/lr_batch_size.db") as storage:
        if storage is None or STUDY + arm not in [study.study_name for study in storage.get_all_studies()]:
            return []
        return optuna.load_study(study_name=STUDY + arm, storage=storage).trials


@pytest.fixture(scope="module")
def studied(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which studies of two networks went from nothing to their end, through a killed worker and Ctrl-C."""
    folder = tmp_path_factory.mktemp("studied") / "folder"
    folder.mkdir()
    both = [*TINY, "--epochs", "25", "--checkpoint-every", "1"]

    def training(arm: str, number: int) -> bool:
        return any(
            trial.number == number and trial.state == TrialState.RUNNING and len(trial.intermediate_values) > 1
            for trial in trials(folder, arm)
        )

    command = commands.start(folder, *both, module=MODULE)
    eventually(lambda: training("plain-8", 0))
    (worker,) = set(processes_at(folder, "lr_batch_size.db")) - {command, os.getpid()}
    os.kill(worker, signal.SIGKILL)
    # Its replacement takes the trial up again under a new number, and is interrupted in turn.
    eventually(lambda: training("plain-8", 1) or training("residual-8", 0))
    os.kill(command, signal.SIGINT)
    assert commands.wait(command) == 130
    errors = folder.with_name("folder.err").read_text()
    assert "Traceback" not in errors
    assert "to go on: uv run python -m studies.lr_batch_size --depths 8" in errors
    assert not [t for arm in ("plain-8", "residual-8") for t in trials(folder, arm) if t.state == TrialState.RUNNING]

    assert commands.run(folder, *both, "--confirm", "1", module=MODULE) == 0
    return folder, folder.with_name("folder.out").read_text()


def test_what_is_killed_and_interrupted_is_finished_by_the_next_start(studied: tuple[Path, str]) -> None:
    folder, output = studied
    for arm in ("plain-8", "residual-8"):
        done = [trial for trial in trials(folder, arm) if trial.state == TrialState.COMPLETE]
        assert len(done) == 2
        assert len({trial.params["lr"] for trial in done}) == 2
        assert {"lr": 0.02, "batch_size": 64} in [trial.params for trial in done]
        assert re.search(rf"{arm} +2/2 +0% +0 +0 ", output)
        best = min(done, key=lambda trial: trial.value or 0)
        again = {f"{arm}-seed{seed}-trial{best.number}" for seed in (1_000_000, 1_000_001, 1_000_002)}
        assert again <= set(re.findall(r"\S+", output))
    failed = [t for arm in ("plain-8", "residual-8") for t in trials(folder, arm) if t.state == TrialState.FAIL]
    assert len(failed) == 2  # one by each of the two accidents
    # No epoch was lost by them: a trial that was tried again went on in the MLflow run of before.
    found = histories(f"sqlite:///{folder / 'mlflow.db'}", "lr_batch_size")
    assert len(found) == 4 + 6  # the best trial of each study was trained again on three fresh seeds
    for arm in ("plain-8", "residual-8"):
        for trial in trials(folder, arm):
            if trial.state == TrialState.COMPLETE:
                run_id, history = found[f"{arm}-trial{trial.number}"]
                assert run_id == trial.user_attrs["run_id"]
                assert history["loss/train"] == sorted(trial.intermediate_values.items())
                assert len(trial.intermediate_values) == 25
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


def test_the_experiment_takes_the_tuned_values(commands: Commands, studied: tuple[Path, str]) -> None:
    folder, _ = studied
    assert commands.run(folder, "--tuned", *SETTINGS, "--epochs", "25", "--seeds", "1-1") == 0
    output = folder.with_name("folder.out").read_text()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'degradation'")
    page = next(line.split(maxsplit=1)[1] for line in output.splitlines() if line.startswith("Report:"))
    report = Path(page).with_name("report.md")
    assert "## Tuned values" in report.read_text()
    with report.with_name("results.csv").open() as file:
        rows = list(csv.DictReader(file))
    for arm in ("plain-8", "residual-8"):
        done = [trial for trial in trials(folder, arm) if trial.state == TrialState.COMPLETE]
        best = min(done, key=lambda trial: trial.value or 0)
        (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{arm}-seed1'")
        assert (float(run.data.params["lr"]), int(run.data.params["batch_size"])) == tuple(
            best.params[name] for name in ("lr", "batch_size")
        )
        assert f"| {arm} | 2 | {best.params['lr']:.3g} | {best.params['batch_size']} |" in report.read_text()
        (row,) = (row for row in rows if row["run_id"] == run.info.run_id)
        assert (float(row["lr"]), int(row["batch_size"])) == (best.params["lr"], best.params["batch_size"])
        # The trial's seed, trained from scratch and without a study, gives the same bits as the trial did.
        own = {"width": 8, "train_images": 600, "test_images": 100, "epochs": 25, **best.params}
        *_, last = train(configure(arm.removesuffix("-8"), 8, seed=0, device="cpu", **own))
        assert last.metrics["final/train_loss"] == best.value
    for refused, words in {
        "--seeds 1-1 --lr 0.1": "what was searched: leave out --lr and --batch-size, and an arm's own",
        "--seeds 2": "seed 0 helped to choose the values of study",
        "--seeds 2 1000001": "seed 1000001 helped to choose the values of study",
    }.items():
        assert commands.run(folder, "--tuned", *SETTINGS, "--epochs", "25", *refused.split()) == 2
        assert words in folder.with_name("folder.err").read_text()


def test_studies_end_with_the_command_that_uses_them(
    studied: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, output = studied
    (line,) = re.findall(r"^Compare the networks at these values: (.*)$", output, re.MULTILINE)
    assert line.startswith(f"{degradation.PROGRAM} --tuned ")
    monkeypatch.setattr(sys, "argv", line.split()[4:])
    taken: list[degradation.Flags] = []
    assert run_command(degradation.Flags, lambda flags: taken.append(flags) or 0, degradation.PROGRAM) == 0
    (asked,) = taken
    assert (asked.depths, asked.seeds, asked.tuned) == ((8,), (1, 2, 3, 4, 5, 6), True)  # the trials had seed 0
    assert asked.run == filled({"width": 8, "train_images": 600, "test_images": 100, "epochs": 25})


BAD_STUDIES = {
    "--lr-range 1 0.1": "learning rates from 1 to 0.1 are no range",
    "--lr-range 0.1 0.1": "learning rates from 0.1 to 0.1 are no range",
    "--lr-range 0 1": "learning rates from 0 to 1 are no range",
    "--batch-sizes 16 5000": "batch size 5000 is above the 1293 training images of digits",
    "--batch-sizes 16 16": "batch size 16 is given twice",
    "--batch-sizes 1": "batch size 1 is below 2",
    "--trials 0": "trials 0 is below 1",
    "--studies 0": "studies 0 is below 1",
    "--confirm 0": "confirm 0 is outside 1 to 20, the trials of a study",
    "--trials 4 --confirm 5": "confirm 5 is outside 1 to 4, the trials of a study",
    "--search": "no setting to search is given",
    "--search lr momentum": "unknown setting to search 'momentum'; choose from lr, batch_size, weight_decay",
    "--weight-decay-range 0 0.1": "weight decays from 0 to 0.1 are no range",
    "--sampler grid": "unknown sampler 'grid'; choose from tpe, random, qmc",
    "--budget hours": "unknown budget 'hours'; choose from epochs, steps",
    "--budget steps --batch-sizes 16 5000": "batch size 5000 is above the 1293 training images of digits",
    "--seed 1000000": "seed 1000000 is outside 0 to 999999",
    "--jobs 0": "jobs 0 is below 1",
    "--launcher ray --jobs 2": "--jobs is for --launcher local",
    "--objective test_error": "unknown objective 'test_error'; choose from train_loss",
    "--pruner thomas": "unknown pruner 'thomas'; choose from median",
    "--pruner-warmup 13": "the pruner's warm-up of 13 epochs is outside 0 to 12",
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
    "--tuned --storage postgresql://me:secret@127.0.0.1:1/studies": "can't be reached",
    "--storage sqlite:///x.db": "are for --tuned",
}


@pytest.mark.parametrize(
    ("module", "bad_input"), [("studies.lr_batch_size", BAD_STUDIES), ("experiments.degradation", BAD_TUNED)]
)
def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(
    tmp_path: Path, module: str, bad_input: dict[str, str]
) -> None:
    check_bad_input(module, bad_input, tmp_path)


def test_a_changed_definition_is_refused_and_nothing_written(studied: tuple[Path, str]) -> None:
    folder, _ = studied
    before = (folder / "mlflow.db").read_bytes(), len(trials(folder, "plain-8"))
    done = subprocess.run(
        [sys.executable, "-m", MODULE, *TINY, "--epochs", "7"],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "exists with another definition: pruner's warm-up is 8, not 2; epochs is 25, not 7" in done.stderr
    assert done.stderr.count("\n") == 1
    assert ((folder / "mlflow.db").read_bytes(), len(trials(folder, "plain-8"))) == before


def test_cures_are_tuned_as_all_other_arms(commands: Commands, tmp_path: Path) -> None:
    arms = ["plain:init=dirac", "residual:block=pre"]
    assert commands.run(tmp_path, *TINY, "--epochs", "1", "--arms", *arms, module=MODULE) == 0
    for arm in arms:
        done = [trial.params["lr"] for trial in trials(tmp_path, f"{arm}-8") if trial.state == TrialState.COMPLETE]
        assert len(done) == 2
