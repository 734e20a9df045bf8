"""Experiments that repeat a comparison: with more epochs, over a grid of values, under other choices."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

import plainres
from plainres.cli.command_line import run_command
from tests.bad_input import check_bad_input

TINY = {"width": 8, "train_images": 200, "test_images": 100, "device": "cpu", "jobs": 1}
FLAGS = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]
Asked = Callable[..., tuple[int, str]]


@pytest.fixture
def asked(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Runs an experiment in this process, in an empty folder with an empty store: exit code and output."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("COLUMNS", "120")

    def run(name: str, *arguments: str) -> tuple[int, str]:
        module = import_module(f"experiments.{name}")
        monkeypatch.setattr(sys, "argv", [module.PROGRAM, *arguments, *FLAGS])
        return run_command(module.Flags, module.main, module.PROGRAM), capsys.readouterr().out

    return run


def stored(output: str) -> pd.DataFrame:
    """The table of runs beside the figure that an output names."""
    (figure,) = re.findall(r"Report: (\S+\.png)", output)
    assert Path(figure).stat().st_size > 0
    return pd.read_csv(Path(figure).with_suffix(".csv"))


def count_runs(store: str) -> int:
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("degradation")
    return len(client.search_runs([experiment.experiment_id], "tags.config_hash LIKE '%'"))


def test_a_budget_is_a_sweep_of_its_own_to_the_bit(asked: Asked, store: str) -> None:
    code, output = asked("budget", "--depths", "8", "14", "--epochs", "1", "--budgets", "2", "1", "--seeds", "0", "1")
    assert code == 0
    rows = stored(output)
    assert count_runs(store) == len(rows) == 2 * 2 * 2 * 2
    assert re.search(
        r"^plain, from depth 8 to 14: undecided; with 1 epochs the training error changes by", output, re.M
    )
    sweep = plainres.compare(depths=[8, 14], seeds=[0, 1], epochs=2, **TINY)
    assert count_runs(store) == len(rows)  # it has them
    key = ["arm", "depth", "seed"]
    own = rows[rows["epochs"] == 2].sort_values(key)[[*key, "train_error", "test_error"]]
    assert own.to_numpy().tolist() == sweep.runs.sort_values(key)[own.columns].to_numpy().tolist()


def test_a_map_has_the_cells_of_a_sweep_to_the_bit_and_looks_closer_where_it_is_asked_to(
    asked: Asked, store: str
) -> None:
    arguments = ["--depths", "8", "--arms", "residual", "--seeds", "1", "--epochs", "8", "--batch-size", "16"]
    code, output = asked("trainability", *arguments, "--range", "1e-9", "0.1", "--values", "2", "--refine", "1")
    assert code == 0
    rows = stored(output)
    assert rows["value"].tolist() == [1e-9, 0.1, 1e-5]  # nothing is learnt at the first, all at the second
    assert "of 2 values of lr it trains with 1 at depth 8" in output
    sweep = plainres.compare(depths=[8], arms=["residual"], seeds=[0], epochs=8, batch_size=16, lr=0.1, **TINY)
    assert count_runs(store) == 3
    assert rows["train_error"][1] == sweep.runs["train_error"][0]


def test_a_choice_is_a_sweep_of_its_own_to_the_bit(asked: Asked, store: str) -> None:
    common = ["--depths", "8", "14", "--epochs", "1", "--seeds", "0", "1"]
    code, output = asked("robustness", *common, "--choices", "lr-triple")
    assert code == 0
    rows = stored(output)
    assert rows["choice"].unique().tolist() == ["recipe", "lr-triple"]
    assert count_runs(store) == len(rows) == 16
    assert "In 0 of 2 choices plain degrades and residual does not. " in output
    assert "/robustness-lr-triple.png" in output  # beside the forest of all choices
    sweep = plainres.compare(depths=[8, 14], seeds=[0, 1], epochs=1, lr=0.06, **TINY)
    assert count_runs(store) == 16
    key = ["arm", "depth", "seed"]
    own = rows[rows["choice"] == "lr-triple"].sort_values(key)[[*key, "train_error", "test_error"]]
    assert own.to_numpy().tolist() == sweep.runs.sort_values(key)[own.columns].to_numpy().tolist()


BAD_INPUT = {
    "budget": {
        "--budgets 12": "at least two values of epochs are needed",
        "--budgets 12 12": "number of epochs 12 is given twice",
        "--budgets 0 12": "number of epochs 0 is below 1",
        "--warmup-epochs 12": "warm-up of 12 epochs is outside 0 to 11",
        "--arms plain:epochs=3 residual": "epochs is given twice",
    },
    "trainability": {
        "--setting block --range 0 1": "'block' is no numeric setting of an arm",
        "--setting rate --range 0 1": "'rate' is no numeric setting of an arm",
        "--setting width": "a map of width needs --range",
        "--range 0.1": "a map of lr needs --range",
        "--range 1 0.1": "range 1 to 0.1 is empty",
        "--setting width --range 8 10": "is too fine",
        "--values 100": "1200 cells are more than --most 200",
        "--values 1": "values 1 is outside 2 to 1000",
    },
    "robustness": {
        "--choices lr-fifth": "no choice is called 'lr-fifth', or it changes nothing; choose from lr-third",
        "--choices half-batch --batch-size 3": "choice half-batch: batch size 1 is below 2",
        "--choices lr-third --arms plain residual:lr=0.1": "no choice is called 'lr-third', or it changes nothing",
        "--arms plain": "robustness compares one plain and one residual arm",
    },
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(name: str, tmp_path: Path) -> None:
    check_bad_input(f"experiments.{name}", BAD_INPUT[name], tmp_path)
