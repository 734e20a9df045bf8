"""The four experiments that ask why deep plain networks fail, on one tiny sweep."""

import importlib
import statistics
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from plainres.analysis.trained import load_run
from plainres.cli.command_line import run_command
from plainres.explain.inspection import training_batch
from plainres.probes.landscape import losses_along, random_direction
from tests.bad_input import check_bad_input

TINY = ["--width", "8", "--train-images", "300", "--epochs", "2", "--seeds", "0", "1", "--device", "cpu", "--jobs", "1"]
FILES = {
    "construction": ["construction-curves.csv", "construction.csv", "construction.png"],
    "gradients": ["gradients-training.png", "gradients.csv", "gradients.png"],
    "landscape": [
        *(f"landscape-{name}" for name in ("curvature.csv", "lines.csv", "plane.csv", "plane.png")),
        "landscape.csv",
        "landscape.png",
    ],
    "lesion": ["lesion.csv", "lesion.png"],
}
Ask = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("why")
    (folder / "mlflow.db").write_bytes(template_database.read_bytes())
    return folder


@pytest.fixture
def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs an experiment in this process, in a folder that all share."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    monkeypatch.setenv("COLUMNS", "160")

    def ask(name: str, *arguments: str) -> tuple[int, str]:
        module = importlib.import_module(f"experiments.{name}")
        monkeypatch.setattr("sys.argv", [name, *arguments])
        code = run_command(module.Flags, module.main, module.PROGRAM)
        return code, capsys.readouterr().out

    return ask


def place(output: str) -> Path:
    """Where the table and the figures lie."""
    return Path(
        next(line for line in output.splitlines() if line.startswith("Table and figures:")).split(maxsplit=3)[3]
    )


def parent(output: str) -> str:
    return place(output).parent.name


@pytest.fixture
def construction(ask: Ask) -> str:
    """What the first experiment prints, which trains the sweep, or takes it from the store."""
    code, output = ask("construction", "--depths", "8", "14", *TINY)
    assert code == 0
    return output


def test_the_constructed_network_is_the_shallow_one_and_is_made_once(construction: str, ask: Ask) -> None:
    made = pd.read_csv(place(construction) / "construction.csv")
    assert len(made) == 4
    assert (made["same_logits"] == 1).all()
    assert (made["start_error"] == made["shallow"]).all()
    assert made[["train_error", "scratch", "longer"]].notna().all(axis=None)
    assert "plain 14: a solution exactly as good as depth 8's exists for 2 of 2 seeds" in construction
    again = ask("construction", "--depths", "8", "14", *TINY)[1].splitlines()
    assert [line for line in again if not line.endswith(" are in the store already.")] == [
        line for line in construction.splitlines() if not line.startswith(("[", "Watch: "))
    ]


@pytest.mark.parametrize("name", FILES)
def test_finished_runs_are_measured_and_nothing_is_trained(name: str, construction: str, ask: Ask) -> None:
    runs = pd.read_csv(place(construction) / "construction.csv")
    chosen = [*runs["shallow_run"], *runs["deep_run"]] if name == "construction" else list(runs["deep_run"])
    code, output = ask(name, "--run", *chosen)
    assert code == 0
    assert "[1/" not in output  # no progress of a training
    assert "plain" in output
    assert sorted(path.name for path in place(output).iterdir()) == FILES[name]
    words = {"lesion": "dropping one block", "gradients": "a layer in plain", "landscape": "plain starts at"}
    assert words.get(name, "a solution exactly as good") in output
    prefix = {"construction": "constructed_from_8/", "gradients": "initial_gradient_coherence/"}.get(name, f"{name}/")
    run = MlflowClient().get_run(runs["deep_run"].iloc[0])
    assert [metric for metric in run.data.metrics if metric.startswith(prefix)]


def test_of_finished_runs_that_were_named_none_is_missing(construction: str, ask: Ask) -> None:
    runs = pd.read_csv(place(construction) / "construction.csv")
    code, _ = ask("lesion", "--run", runs["deep_run"].iloc[0], runs["deep_run"].iloc[-1])  # of other arms and seeds
    assert (runs["arm"].iloc[0], runs["seed"].iloc[0]) != (runs["arm"].iloc[-1], runs["seed"].iloc[-1])
    assert code == 0


def test_a_sweep_is_taken_by_its_parent_run(construction: str, ask: Ask) -> None:
    code, output = ask("construction", "--run", parent(construction))
    assert code == 0
    assert [line for line in output.splitlines() if "solution" in line] == [
        line for line in construction.splitlines() if "solution" in line
    ]


def test_how_the_loss_rises_is_the_median_over_each_seeds_own_directions_both_ways(construction: str, ask: Ask) -> None:
    runs = pd.read_csv(place(construction) / "construction.csv")
    _, output = ask("landscape", "--run", *runs["deep_run"], "--images", "64", "--directions", "3")
    for measured in pd.read_csv(place(output) / "landscape.csv").to_dict("records"):
        run = load_run(measured["run_id"])
        batch = training_batch(run, 64)
        rises = [
            losses_along(run.network, batch, random_direction(run.network, seed), [at])[0] - measured["landscape/here"]
            for seed in range(3 * measured["seed"], 3 * measured["seed"] + 3)
            for at in (-0.5, 0.5)
        ]
        assert measured["rise/0.5"] == pytest.approx(statistics.median(rises), rel=1e-3, abs=1e-5)


def test_gradients_adds_arms_that_exchange_their_updates_and_that_turn_the_growth(construction: str, ask: Ask) -> None:
    code, output = ask("gradients", "--depths", "14", *TINY, "--leaks", "0", "0.5", "1")
    assert code == 0
    measured = pd.read_csv(place(output) / "gradients.csv").groupby("arm", sort=False)
    size, relative, disparity = (
        measured[f"{name}/initial"].median() for name in ("update_size", "relative_update", "update_disparity")
    )
    slowed, hurried, even = (
        next(arm for arm in size.index if arm.startswith(start))
        for start in ("plain:lr=", "residual:lr=", "plain:equal_updates=2,lr=")
    )
    # The images are others than those that the rates were chosen on.
    assert size[slowed] == pytest.approx(size["residual"], rel=0.3)
    assert size[hurried] == pytest.approx(size["plain"], rel=0.3)
    assert relative[even] == pytest.approx(relative["residual"], rel=0.3)
    assert disparity[even] == pytest.approx(1, rel=1e-3) != disparity["plain"]
    assert "With the residual's update size plain" in output
    leaky = [arm for arm in size.index if "leak=" in arm]
    assert leaky == ["plain:activation=leaky,leak=0.5", "plain:activation=leaky,leak=1.0"]
    growth = measured["initial_growth_rate/gradient_norm"].mean()
    assert growth["plain"] > growth[leaky[0]] > growth[leaky[1]]
    assert "with slopes of 0, 0.5, 1 below zero" in output
    assert (place(output) / "gradients-leaks.png").exists()


def test_an_arm_that_cannot_be_constructed_is_refused_before_any_training(ask: Ask, folder: Path) -> None:
    arms = ["--arms", "residual:shortcut_scale=0.5", "--experiment-name", "refused"]
    assert ask("construction", "--depths", "8", "14", *arms, *TINY) == (2, "")
    assert MlflowClient().get_experiment_by_name("refused") is None


@pytest.mark.parametrize("name", FILES)
def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(name: str, tmp_path: Path) -> None:
    refused = {
        "--depths 19 20": "depth 19 does not exist",
        "--arms dense": "unknown variant 'dense'",
        "--run 0123456789abcdef0123456789abcdef": "no run '0123456789abcdef0123456789abcdef'",
        "--jobs 0": "jobs 0 is below 1",
    }
    of_its_own = {
        "construction": {"--depths 18": "construction takes two depths"},
        "gradients": {
            "--leaks 1.5": "leak 1.5 is outside 0 to 1",
            "--leaks 0.5 0.5": "leak 0.5 is given twice",
            "--arms residual --leaks 0.5": "--leaks takes a plain arm",
            "--activation tanh --leaks 0.5": "--leaks takes a plain arm in --arms, and networks of rectifiers",
        },
        "landscape": {"--directions 0": "directions 0 is below 1"},
        "lesion": {"--images 1": "images 1 is below 2"},
    }
    check_bad_input(f"experiments.{name}", refused | of_its_own.get(name, {}), tmp_path)
