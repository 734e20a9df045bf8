"""Whatever is asked for is either trained or refused in one line with exit code 2."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import degradation
from plainres.command_line import run_command
from plainres.config import configure
from plainres.errors import BadInput
from plainres.training import Trainer

# Words as a shell can pass them: no null character.
words = st.text(st.characters(exclude_characters="\0"), max_size=300)
numbers = st.one_of(st.integers().map(str), st.floats().map(str), words)


def flag(name: str, values: st.SearchStrategy[str], most: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=most).map(lambda given: [name, *given])


def choice(*names: str) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(names), words)


flags = st.lists(
    st.one_of(
        flag("--depths", st.one_of(st.sampled_from(["18", "20", "34"]), numbers), most=4),
        flag("--seeds", numbers, most=3),
        flag("--variants", choice("plain", "residual"), most=3),
        flag("--dataset", choice("digits", "mnist", "imagefolder")),
        flag("--recipe", choice("digits", "cifar10")),
        flag("--augment", choice("none", "crop-flip")),
        flag("--schedule", choice("cosine", "step")),
        flag("--stem", choice("small", "imagenet")),
        flag("--family", choice("four-stage", "three-stage")),
        flag("--shortcut", choice("A", "B", "C")),
        flag("--device", choice("auto", "cpu")),
        flag("--precision", choice("auto", "fp32")),
        *(
            flag(f"--{name}", numbers)
            for name in (
                *("epochs", "batch-size", "lr", "momentum", "weight-decay", "warmup-epochs", "width", "threads"),
                *("image-size", "jobs", "checkpoint-every"),
            )
        ),
        *(flag(f"--{name}", words) for name in ("data-dir", "experiment-name", "checkpoint-dir", "report")),
        st.lists(words, max_size=2),
    ),
    max_size=2,
).map(lambda chosen: [word for given in chosen for word in given])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flags)
def test_any_command_line_is_planned_or_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str, arguments: list[str]
) -> None:
    planned = []
    monkeypatch.setattr("sys.argv", ["degradation", *arguments])
    monkeypatch.setattr(degradation, "train_and_report", lambda sweep, *_: planned.append(sweep) or 0)
    try:
        code = run_command(degradation.Flags, degradation.main, degradation.PROGRAM)
    except SystemExit as end:
        code = end.code or 0  # --help
        planned = [None]
    errors = capsys.readouterr().err
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
