"""Whatever is asked for is either trained or refused in one line with exit code 2."""

import math
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from experiments import degradation
from plainres.cli.command_line import run_command
from plainres.data.catalogue import CATALOGUE
from plainres.errors import BadInput
from plainres.settings import ABOUT, DECLARED, LaunchSettings, Settings, names_of
from plainres.sweeps.configure import configure
from plainres.training import Trainer
from plainres.workflows import compare

# Words as a shell can pass them: no null character.
words = st.text(st.characters(exclude_characters="\0"), max_size=300)
numbers = st.one_of(st.integers().map(str), st.floats().map(str), words)


def flag(name: str, values: st.SearchStrategy[str], most: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=most).map(lambda given: [name, *given])


def choice(*names: str) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(names), words)


def values_of(kind: object, choices: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    return choice(*choices) if choices else numbers if kind in (int, float) else words


def flags_of(command: type) -> st.SearchStrategy[list[str]]:
    """Any flag that the command has: its own, and one for each setting that is declared."""
    own = get_type_hints(command)
    flags = [
        flag(f"--{name.replace('_', '-')}", values_of(get_args(kind)[0] if get_args(kind) else kind), most=4)
        for name, kind in own.items()
        if name not in ("run", "launch", "fresh", "tuned")
    ]
    for name in (*names_of(Settings), *names_of(LaunchSettings)):
        about, kind = ABOUT[name], DECLARED[name].type
        words_of = f"--{name.replace('_', '-')}"
        if not about.on_command_line:
            continue
        if kind is bool:
            flags.append(st.sampled_from([[words_of], [f"--no-{words_of[2:]}"]]))
        else:
            flags.append(flag(words_of, values_of(kind, about.choices)))
    flags += [
        flag("--depths", st.one_of(st.sampled_from(["18", "20", "34"]), numbers), most=4),
        flag("--arms", choice("plain", "residual", "residual:shortcut=C", "plain:lr=", "plain:lr=0.1"), most=3),
        flag("--dataset", choice(*CATALOGUE)),
        st.sampled_from([["--fresh"], ["--tuned"], ["--no-tuned"]]),
        st.lists(words, max_size=2),
    ]
    return st.lists(st.one_of(flags), max_size=3).map(lambda chosen: [word for given in chosen for word in given])


def test_every_setting_is_a_flag_whose_help_shows_what_would_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    helps = {}
    cifar = ["--help --dataset cifar10", "--dataset cifar10 --epochs 3 --help"]
    for line in ("--help", *cifar):
        monkeypatch.setattr("sys.argv", ["degradation", *line.split()])
        assert run_command(degradation.Flags, degradation.main, degradation.PROGRAM) == 0
        helps[line] = " ".join(capsys.readouterr().out.split())
    for name in (*names_of(Settings), *names_of(LaunchSettings)):
        if ABOUT[name].on_command_line:
            assert f"--{name.replace('_', '-')}" in helps["--help"]
    # Section 4.2 of the paper.
    for text in (helps[line] for line in cifar):
        assert "Peak learning rate. (default: 0.1)" in text
        assert "Images a step. (default: 128)" in text
        assert "Passes over the training images. (default: 182)" in text
    assert "Peak learning rate. (default: 0.02)" in helps["--help"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flags_of(degradation.Flags))
def test_any_command_line_is_planned_or_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str, arguments: list[str]
) -> None:
    planned: list[object] = []
    monkeypatch.setenv("PATH", "")  # on which there may be a Slurm
    monkeypatch.setattr("sys.argv", ["degradation", *arguments])
    monkeypatch.setattr(compare, "train_sweep", lambda sweep, *_, **__: planned.append(sweep))
    monkeypatch.setattr(compare, "_judged", lambda *_, **__: None)
    monkeypatch.setattr(degradation, "report", lambda *_: 0)
    code = run_command(degradation.Flags, degradation.main, degradation.PROGRAM)
    output, errors = capsys.readouterr()
    if output.startswith("usage: "):  # --help
        planned = [None]
    if planned:
        assert (code, errors) == (0, "")
    else:
        assert code == 2
        assert errors.startswith("error: ")
        assert len(errors.splitlines()) == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["mlflow.db"]


@settings(max_examples=25, deadline=None)
@given(
    variant=st.sampled_from(["plain", "residual"]),
    depth=st.sampled_from([8, 14, 18]),
    seed=st.integers(0, 2**63 - 1),
    width=st.integers(1, 9),
    stem=st.sampled_from(["small", "imagenet"]),
    shortcut=st.sampled_from(["A", "B", "C"]),
    augment=st.sampled_from(["none", "crop-flip"]),
    batch_size=st.integers(2, 200),
    lr=st.floats(),
    momentum=st.floats(-0.1, 1.1),
    weight_decay=st.floats(),
    schedule=st.sampled_from(["cosine", "step", "constant"]),
    warmup_epochs=st.integers(-1, 2),
    image_size=st.integers(-1, 9),
)
def test_any_configuration_is_trained_or_refused(**given: object) -> None:
    try:
        config = configure(epochs=1, train_images=200, test_images=50, **given)  # type: ignore[arg-type]
    except BadInput:
        return
    records = list(Trainer(config))
    assert records[-1].epoch == 1
    assert 0 <= records[-1].metrics["final/train_error"] <= 1
    assert records[-1].diverged == (not math.isfinite(records[-1].metrics["loss/train"]))
