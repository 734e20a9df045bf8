"""What the words of a command line, and a settings file, come to."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import plainres
from experiments import cures, degradation, image_classification, trainability
from plainres.cli.command_line import run_command
from plainres.settings.values import given_by
from plainres.sweeps.configure import configure
from plainres.workflows import python_calls
from plainres.workflows.compare import planned
from studies import lr_batch_size
from tests.docs.test_commands import MODULES


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a command line: what it asks for."""

    def ask(module: Any, *words: str) -> Any:
        taken: list[Any] = []
        monkeypatch.setattr(sys, "argv", [module.__name__, *words])
        assert run_command(module.Flags, lambda flags: taken.append(flags) or 0, module.PROGRAM) == 0
        return taken[0]

    return ask


@pytest.mark.parametrize(
    ("words", "given", "seeds"),
    [
        ("3", 3, [0, 1, 2]),
        ("1", 1, [0]),
        ("7-7", [7], [7]),
        ("5-8", range(5, 9), [5, 6, 7, 8]),
        ("7 1 3", [7, 1, 3], [7, 1, 3]),
        ("0 5-6", [0, 5, 6], [0, 5, 6]),
    ],
)
def test_one_number_of_seeds_is_how_many_in_a_command_and_in_python(
    asked: Any, monkeypatch: pytest.MonkeyPatch, words: str, given: object, seeds: list[int]
) -> None:
    requests: list[Any] = []
    monkeypatch.setattr(python_calls, "carry_out", lambda request, *_: requests.append(request))
    plainres.compare(seeds=given)  # type: ignore[arg-type]
    assert list(asked(degradation, "--seeds", *words.split()).seeds) == list(requests[0].seeds) == seeds


def test_a_number_stands_for_itself_where_nothing_is_counted(asked: Any) -> None:
    assert asked(degradation, "--depths", "18").depths == (18,)
    assert asked(image_classification, "--seed", "5").seed == 5
    assert asked(lr_batch_size, "--batch-sizes", "64").batch_sizes == (64,)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--depths 18 --depths 34", "--depths is given twice"),
        ("--epochs 3 --lr 0.1 --epochs=3", "--epochs is given twice"),
        ("--batch-size 8 --batch_size 9", "--batch-size is given twice"),
        ("--conv-bias --no-conv-bias", "--conv-bias is given twice"),
        ("--fresh --fresh", "--fresh is given twice"),
        ("--depth 18 34", "no flag is called '--depth'; is --depths meant?"),
        ("-depths 18", "no flag is called '-depths'; is --depths meant?"),
        ("18 34", "no flag is called '18'; --help lists them"),
        ("--depths 18,34", "--depths: depth '18,34' is no whole number; is 18 34 meant?"),
        ("--arms plain,residual", "arm 'plain,residual': unknown variant 'plain,residual'; is plain residual meant?"),
        ("--epochs 3 4", "--epochs: epochs takes one value, and 2 are given"),
        ("--seeds 0", "--seeds: 0 seeds are none: one number is how many, and seed 0 alone is written 0-0, in Python"),
        ("--seeds 9-7", "--seeds: 9-7 are none"),
        ("--seeds 200229", "--seeds: 200229 seeds are more than 10000"),
        ("--config nowhere.toml", "nowhere.toml can't be read: No such file or directory"),
        ("--config broken.toml", "broken.toml is no TOML: "),
        ("--config other.toml", "other.toml: no setting is called 'depht'; is depths meant?"),
        ("--config wrong.toml", "wrong.toml: epochs 'many' is no whole number"),
        ("--config twice.toml", "twice.toml: batch_size is given twice"),
        ("--config bytes.toml", "bytes.toml is no TOML: "),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text("epochs 3\n")
    Path("other.toml").write_text("depht = 18\n")
    Path("wrong.toml").write_text('epochs = "many"\n')
    Path("twice.toml").write_text("batch-size = 8\nbatch_size = 9\n")
    Path("bytes.toml").write_bytes(b"\xff")
    monkeypatch.setattr(sys, "argv", ["degradation", *line.split()])
    assert run_command(degradation.Flags, degradation.main, degradation.PROGRAM) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {error}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (degradation, "--depths 20 56 --arms plain residual:shortcut=C --seeds 3 --lr 1e-5 --no-projection-norm"),
        (degradation, "--dataset cifar10 --recipe cifar10-cpu --depths 20 56 --probes lesion --fresh"),
        (cures, "--arms residual --dose shortcut_scale 0 0.5"),
        (trainability, "--setting batch_size --range 16 256 --experiment-name=é"),
    ],
)
def test_a_settings_file_asks_for_the_same_runs(asked: Any, tmp_path: Path, module: Any, line: str) -> None:
    first = asked(module, *line.split())
    file = tmp_path / "settings.toml"
    file.write_text(first.settings_file, encoding="utf-8")
    again = asked(module, "--config", str(file))
    assert [each.config_hash for each in planned(again).configs] == [
        each.config_hash for each in planned(first).configs
    ]
    assert {**given_by(again), "fresh": None} == {**given_by(first), "fresh": None}
    changed = asked(module, "--config", str(file), "--epochs", "7", "--seeds", "2")
    assert given_by(changed.run) == {**given_by(first.run), "epochs": 7}
    assert changed.seeds == (0, 1)


def test_a_settings_file_of_a_python_call_is_one_of_the_experiments(
    asked: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requests: list[Any] = []
    monkeypatch.setattr(python_calls, "carry_out", lambda request, *_: requests.append(request))
    plainres.compare(depths=[8, 14], seeds=[7], width=8, tuned=True)
    (tmp_path / "settings.toml").write_text(requests[0].settings_file)
    again = asked(degradation, "--config", str(tmp_path / "settings.toml"))
    assert [each.config_hash for each in planned(again).configs] == [
        configure(variant, depth, 7, width=8).config_hash for depth in (14, 8) for variant in ("plain", "residual")
    ]
    assert again.tuned


def test_a_settings_file_has_no_password(asked: Any) -> None:
    flags = asked(degradation, "--tuned", "--storage", "postgresql://me:secret@host/studies")
    assert "postgresql://host/studies" in flags.settings_file
    assert "secret" not in flags.settings_file


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_help_has_examples_that_are_read_and_fits_the_terminal(
    asked: Any, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(name)
    assert 1 <= len(module.Flags.EXAMPLES) <= 3
    for example in module.Flags.EXAMPLES:
        asked(module, *example.split())
    capsys.readouterr()
    for columns in (80, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", [name, "--help"])
        assert run_command(module.Flags, module.main, module.PROGRAM) == 0
        shown = capsys.readouterr().out
        asked_first = shown.partition("\nWhat is asked\n")[2]
        too_long = [line for line in asked_first.splitlines() if len(line) > columns and " " in line.strip()]
        assert [line for line in too_long if "--cuda-graph" not in line and "--projection-norm" not in line] == []


def test_the_help_begins_with_what_is_compared_and_ends_with_where_it_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["degradation", "--help"])
    assert run_command(degradation.Flags, degradation.main, degradation.PROGRAM) == 0
    shown = capsys.readouterr().out
    places = [
        shown.index(f"\n  {flag} ")
        for flag in ("--depths", "--dataset", "--epochs", "--stem", "--report", "--launcher")
    ]
    assert places == sorted(places)
