"""Slurm's own daemons: arrays of real jobs, which are pre-empted, told to stop, cancelled, and found again."""

import re
import signal
import subprocess
from pathlib import Path

import optuna
import pytest

from plainres.launchers.slurm_commands import states
from tests.engines.two_runs import EPOCHS, FLAGS, RUNS, begun, check_equal, finish, start, statuses
from tests.faults.stored import histories, processes_at
from tests.faults.waiting import eventually

pytest.importorskip("submitit", reason="`uv sync --extra slurm` installs it")
pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("slurm")]

SLURM = ["--launcher", "slurm", "--slurm-partition", "patient"]


def job_at(folder: Path, name: str) -> str:
    """The job that trains a run."""
    (place,) = folder.glob(f"mlruns/checkpoints/{name}-*")
    (pid,) = processes_at(place, "journal")
    environ = dict(pair.partition("=")[::2] for pair in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    return f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--slurm-partition nowhere", "refuses a job with --time=240 --cpus-per-task=1 --partition=nowhere: Invalid"),
        ("--threads 4", "refuses a job with --time=240 --cpus-per-task=4: Requested node configuration"),
        ("--device cuda --precision fp32", "--gpus-per-node=1: Invalid generic resource (gres) specification"),
        ("--device cuda --precision fp32 --gpus 0.5", "gpus 0.5: Slurm gives whole ones"),
    ],
)
def test_what_slurm_refuses_is_one_line(tmp_path: Path, flags: str, words: str) -> None:
    code, output, errors = finish(start(tmp_path, "--launcher", "slurm", *flags.split()))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert words in errors
    assert not list(tmp_path.iterdir())


def test_an_array_is_found_again_by_two_commands_after_pre_emption(folder: Path, trained_here: Path) -> None:
    command = start(folder, *FLAGS, *SLURM)
    eventually(lambda: begun(folder))
    command.send_signal(signal.SIGINT)
    code, output, errors = finish(command)
    (array,) = re.findall(r"Slurm's job (\d+), an array of 2", output)
    assert code == 130
    assert f"`scancel {array}` ends them" in output
    assert "Traceback" not in errors
    assert statuses(folder) == ["RUNNING"] * 3
    assert states() == {f"{array}_0": "RUNNING", f"{array}_1": "RUNNING"}

    subprocess.run(["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"], check=True)
    eventually(lambda: [(states() or {}).get(f"{array}_{number}") for number in range(2)] == ["PENDING", "PENDING"])
    command, another = (start(folder, *FLAGS, *SLURM) for _ in range(2))
    code, output, errors = finish(command)
    assert (code, errors) == (0, ""), errors
    assert "Slurm has 2 of 2 jobs already" in output
    other_code, other_output, other_errors = finish(another)
    assert (other_code, other_errors) == (0, ""), other_errors
    assert "Slurm has 2 of 2 jobs already" in other_output
    assert "an array of 2" not in output + other_output
    assert {name for name in RUNS if f"{name}: goes on after epoch" in output} == set(RUNS)
    assert not list(folder.glob("mlruns/checkpoints/slurm/plainres-*"))
    assert not list(folder.glob("mlruns/checkpoints/*-seed*"))
    assert statuses(folder) == ["FINISHED"] * 3
    check_equal(folder, trained_here)


def test_a_job_whose_time_is_up_goes_on_and_a_cancelled_one_is_reported(folder: Path) -> None:
    command = start(folder, *FLAGS, *SLURM, "--slurm-time", "30")
    eventually(lambda: begun(folder, f"{RUNS[0]}-*", 1))
    subprocess.run(["scancel", "--signal=USR2", job_at(folder, RUNS[0])], check=True)  # as Slurm does before the end
    eventually(lambda: begun(folder, f"{RUNS[1]}-*", 1))
    cancelled = job_at(folder, RUNS[1])
    subprocess.run(["scancel", cancelled], check=True)
    code, output, errors = finish(command)
    assert (code, errors) == (1, ""), errors
    assert "plain-8-seed0: goes on after epoch" in output, output
    assert f"failed: Slurm's job {cancelled} ended without a result, CANCELLED" in output

    code, output, errors = finish(start(folder, *FLAGS, *SLURM))
    assert (code, errors) == (0, ""), errors
    assert "an array of 1" in output
    assert "residual-8-seed0: goes on after epoch" in output, output
    for _, history in histories(f"sqlite:///{folder / 'mlflow.db'}").values():
        assert [step for step, _ in history["loss/train"]] == list(range(1, EPOCHS + 1))


def test_a_studys_workers_are_found_again_and_lose_no_trial_when_their_time_is_up(folder: Path) -> None:
    study = [
        "--depths", "8", "--arms", "plain", "--width", "8", "--trials", "2", "--epochs", "400", "--pruner", "none",
        "--train-images", "300", "--test-images", "100", "--batch-sizes", "64", "128",
        "--storage", "sqlite:///studies.db",
    ]  # fmt: skip
    command = start(folder, *study, *SLURM, module="studies.lr_batch_size")
    eventually(lambda: begun(folder))
    command.kill()
    command.communicate()
    array = next(iter(states() or {})).partition("_")[0]
    subprocess.run(["scancel", "--signal=USR2", array], check=True)
    code, output, errors = finish(start(folder, *study, *SLURM, module="studies.lr_batch_size"))
    assert (code, errors) == (0, ""), errors
    assert "Slurm has 2 of 2 jobs already" in output
    (summary,) = optuna.get_all_study_summaries(f"sqlite:///{folder / 'studies.db'}")
    trials = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{folder / 'studies.db'}").trials
    assert sorted(trial.state.name for trial in trials) == ["COMPLETE", "COMPLETE", "FAIL", "FAIL"]
    # Attempts that were stopped aren't deaths, of which a trial may have two.
    assert all(trial.system_attrs.get("retry_history", []) == [] for trial in trials)
    assert all(len(trial.intermediate_values) == 400 for trial in trials if trial.state.name == "COMPLETE")


def test_more_runs_than_an_array_may_have_are_submitted_in_several(folder: Path) -> None:
    short = [*FLAGS[: FLAGS.index("--epochs")], "--epochs", "1", "--seeds", "0", "1"]
    code, output, errors = finish(start(folder, *short, *SLURM))
    assert (code, errors) == (0, ""), errors
    assert output.count("an array of 2") == 2
    assert statuses(folder) == ["FINISHED"] * 5
