"""What a call from Python asks for is what the command asks for, or is refused in one line."""

from pathlib import Path

import pytest

import plainres
from experiments import degradation
from plainres.cli.command_line import run_command
from plainres.errors import BadInput
from plainres.settings.values import given_by
from plainres.workflows import python_calls
from plainres.workflows.requests import CompareRequest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[CompareRequest]:
    """The requests of calls and commands, none of which is carried out."""
    requests: list[CompareRequest] = []
    monkeypatch.setattr(python_calls, "carry_out", lambda request, *_: requests.append(request))
    return requests


@pytest.mark.parametrize(
    ("keywords", "line"),
    [
        ({}, ""),
        ({"depths": [8, 14], "arms": "plain:lr=0.1", "seeds": 2}, "--depths 8 14 --arms plain:lr=0.1 --seeds 0 1"),
        ({"seeds": range(3), "jobs": 2, "fresh": True, "margin": 2}, "--seeds 0 1 2 --jobs 2 --fresh --margin 2"),
        ({"dataset": "cifar10", "lr": 1, "launcher": "ray"}, "--dataset cifar10 --lr 1 --launcher ray"),
        ({"projection_norm": False, "probes": "lesion"}, "--no-projection-norm --probes lesion"),
        ({"experiment_name": "a b", "checkpoint_dir": None, "epochs": None}, "--experiment-name=a_b"),
    ],
)
def test_python_and_the_command_ask_for_the_same(
    asked: list[CompareRequest], monkeypatch: pytest.MonkeyPatch, keywords: dict[str, object], line: str
) -> None:
    plainres.compare(**keywords)  # type: ignore[arg-type]
    monkeypatch.setattr("sys.argv", ["degradation", *(word.replace("a_b", "a b") for word in line.split())])
    run_command(degradation.Flags, lambda flags: asked.append(flags) or 0, degradation.PROGRAM)
    called, commanded = asked
    assert given_by(called).items() <= given_by(commanded).items()


@pytest.mark.parametrize(
    ("call", "keywords", "words"),
    [
        ("compare", {"warmup_epoch": 1}, "no setting is called 'warmup_epoch'; is warmup_epochs meant?"),
        ("compare", {"depths": [18, "deep"]}, "depth 'deep' is no whole number"),
        ("compare", {"arms": 3}, "arm 3 is no text"),
        ("compare", {"seeds": 1.5}, "seed 1.5 is no whole number"),
        ("compare", {"jobs": 0}, "jobs 0 is below 1"),
        ("compare", {"fresh": "yes"}, "fresh 'yes' is no True or False"),
        ("compare", {"margin": -1}, "margin -1.0 is not a finite number of at least 0"),
        ("compare", {"tuned": 3}, "tuned 3 is neither what plainres.tune gave nor True"),
        ("compare", {"launcher": "dask"}, "unknown launcher 'dask'; choose from local, ray, slurm"),
        ("compare", {"dataset": 3}, "unknown data set 3"),
        ("tune", {"trials": 0}, "trials 0 is below 1"),
        ("tune", {"trials": 2, "confirm": 3}, "confirm 3 is outside 1 to 2, the trials of a study"),
        ("tune", {"lr_range": [0.1]}, "learning rate takes 2 values, and 1 are given"),
        ("tune", {"search": "momentum"}, "unknown setting to search 'momentum'"),
        ("tune", {"sampler": "grid"}, "unknown sampler 'grid'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, keywords: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as refusal:
        getattr(plainres, call)(**keywords)
    assert words in str(refusal.value)
    assert not list(tmp_path.iterdir())
