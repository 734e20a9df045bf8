import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments import degradation
from experiments.cures import PROGRAM, Flags, main
from plainres.cli.command_line import run_command
from tests.bad_input import check_bad_input

Here = Callable[..., tuple[int, str]]
TINY = ["--width", "8", "--train-images", "200", "--test-images", "100", "--epochs", "2", "--seeds", "0", "1",
        "--device", "cpu", "--jobs", "1"]  # fmt: skip


@pytest.fixture
def here(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs the experiment in this process, in an empty folder with an empty store: exit code and output."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", [PROGRAM, *arguments, *TINY])
        code = run_command(Flags, main, PROGRAM)
        return code, " ".join(capsys.readouterr().out.split())

    return run


def trained(store: str) -> list[str]:
    """The names of all runs that were trained, in order."""
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("cures")
    found = client.search_runs(
        [experiment.experiment_id], "tags.config_hash LIKE '%'", order_by=["attributes.start_time ASC"]
    )
    return [str(run.info.run_name) for run in found]


def artifacts(output: str) -> Path:
    found = re.search(r"Report: (\S+)", output)
    assert found
    assert Path(found[1]).exists()
    return Path(found[1]).parent


def test_arms_stand_side_by_side_and_each_has_a_fate(
    here: Here, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--depths", "8", "14", "--arms", "plain", "residual:norm=none"]
    code, output = here(*asked)
    assert code == 0
    assert len(trained(store)) == 8
    said = output.partition("From depth 8 to 14 (2 seeds, margin 1 in percentage points): ")[2]
    sentence = said.partition(" arm ")[0]  # with the table's head
    for arm in ("plain", "residual:norm=none"):
        assert len(re.findall(rf" {re.escape(arm)}[,;.]", sentence)) == 1
    files = {path.name for path in artifacts(output).iterdir()}
    assert {"report.html", "degradation.png", "cures.png", "cures.pdf", "step-times.csv"} <= files
    with (artifacts(output) / "step-times.csv").open() as file:
        times = {row["arm"]: float(row["ratio"]) for row in csv.DictReader(file)}
    assert times["plain"] == 1
    assert f" {times['residual:norm=none']:.2f} " in output
    assert here(*asked)[1].partition("From depth")[2] == output.partition("From depth")[2]  # nothing is timed again

    # The experiment on degradation takes the same runs, and the same parent.
    arguments = ["--experiment-name", "cures", *asked, *TINY]
    monkeypatch.setattr("sys.argv", [degradation.PROGRAM, *arguments])
    assert run_command(degradation.Flags, degradation.main, degradation.PROGRAM) == 0
    assert artifacts(capsys.readouterr().out) == artifacts(output)
    assert len(trained(store)) == 8


def test_the_dose_of_a_shortcut_is_drawn_and_shares_its_runs_with_other_sweeps(here: Here, store: str) -> None:
    here("--depths", "8", "--arms", "residual", "plain")
    code, output = here("--depths", "8", "14", "--arms", "residual", "--dose", "shortcut_scale", "0", "1")
    assert code == 0
    assert len(trained(store)) == 4 + 6  # residual 8 is there
    folder = artifacts(output)
    assert {"dose-response.png", "dose-response.pdf", "report.html"} <= {path.name for path in folder.iterdir()}
    with (folder / "dose-response.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["dose"], row["depth"], row["seed"]) for row in rows} == {
        (dose, depth, seed) for dose in ("0.0", "1.0") for depth in ("8", "14") for seed in "01"
    }
    assert "percentage points), by shortcut_scale: " in output


def test_the_frontier_leaves_an_arm_where_it_fails(here: Here, store: str) -> None:
    # Twelve epochs at this rate fit 170 images; at a rate of next to nothing none is learnt.
    code, output = here("--frontier", "--depths", "14", "8", "--arms", "residual:epochs=12,lr=0.1", "residual:lr=1e-9")
    assert code == 0
    assert sorted(name.rpartition("-seed")[0] for name in set(trained(store)) if name.endswith("seed0")) == [
        "residual:epochs=12,lr=0.1-14",
        "residual:epochs=12,lr=0.1-8",
        "residual:lr=1e-09-8",
    ]
    assert "residual:epochs=12,lr=0.1 14, the deepest tried; residual:lr=1e-09 none of the depths tried." in output
    assert (artifacts(output) / "frontier.png").exists()


def test_runs_that_fail_are_missing_from_the_frontier(here: Here) -> None:
    code, output = here("--frontier", "--depths", "152", "--arms", "plain:width=4096", "--family", "four-stage")
    assert code == 1
    assert "plain:width=4096 unknown. Missing: plain:width=4096-152-seed0, plain:width=4096-152-seed1." in output


def test_each_network_is_tuned_on_a_seed_of_its_own_and_trained_at_the_rate_that_was_best(
    here: Here, store: str
) -> None:
    code, output = here("--tuned", "--trials", "2", "--depths", "8", "--arms", "residual", "residual:zero_gamma=True")
    assert code == 0
    client = MlflowClient(store)
    found = client.search_runs(
        [client.get_experiment_by_name("cures").experiment_id], "tags.config_hash LIKE '%' AND params.depth = '8'"
    )
    runs = [run for run in found if run.data.params["seed"] in ("0", "1")]
    trials = [run for run in found if run.data.params["seed"] == "999999"]
    assert len(runs) == 4
    assert len(trials) + len(runs) == len(found)
    for arm in ("residual", "residual:zero_gamma=True"):
        of_arm = [trial for trial in trials if trial.data.tags["arm"] == arm]
        assert len({trial.data.params["lr"] for trial in of_arm}) == 2
        best = min(of_arm, key=lambda trial: trial.data.metrics["final/train_loss"])
        assert {run.data.params["lr"] for run in runs if run.data.tags["arm"] == arm} == {best.data.params["lr"]}
        assert f"{float(best.data.params['lr']):.3g}" in output


BAD_INPUT = {
    "--tuned --frontier": "--tuned compares arms side by side",
    "--tuned --seeds 999999 0 1": "seed 999999 chooses the learning rates",
    "--tuned --lr 0.1": "leave out --lr",
    "--tuned --arms plain:lr=0.1 residual": "leave out --lr",
    "--dose shortcut_scale 0 1": "--dose is of one arm; name it, as --arms residual",
    "--arms residual --dose shortcut_scale": "at least two values of shortcut_scale are needed",
    "--arms residual --dose block post pre": "'block' is no numeric setting",
    "--arms plain --dose shortcut_scale 0 1": "a plain network has no shortcut",
    "--arms residual --dose shortcut_scale 0 1 --frontier": "ask two questions",
    "--depths 18 20": "depths of two families can't be compared",
    "--margin nan": "margin nan is not a finite number of at least 0",
    "--arms plain:residual_gate=True": "a plain network passes nothing beside a gate at zero",
    "--jobs 0": "jobs 0 is below 1",
}


def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(tmp_path: Path) -> None:
    check_bad_input("experiments.cures", BAD_INPUT, tmp_path)
