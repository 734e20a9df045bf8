"""What is refused under torchrun, and what a command says there; tests/engines has torchrun itself."""

from pathlib import Path

import pytest

from plainres.data.shares import Share
from plainres.errors import BadInput
from plainres.launchers.together_launcher import check_together
from plainres.running.together import as_started, join
from plainres.system.hardware import is_first
from tests.bad_input import check_bad_input

BAD_INPUT = {
    "experiments.degradation": {
        "--jobs 2": "torchrun's 4 processes train one run after the other: leave out --jobs 2",
        "--batch-size 3": "a batch of 3 can't be shared by 4 processes, of which each needs an image",
        "--norm-shares 4 --batch-size 7": "can't be shared by 4 processes, of which each needs two images, the fewest",
        "--norm-shares 2": "norm shares 2 take as many processes: torchrun --nproc-per-node 2",
        "--compile": "--compile isn't for runs that several processes train: leave it out, or torchrun",
    },
    "studies.lr_batch_size": {"": "torchrun's processes train a run together, which is for experiments.degradation"},
}


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the first of four processes."""
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("module", BAD_INPUT)
def test_what_processes_cant_train_together_is_refused(module: str, tmp_path: Path) -> None:
    check_bad_input(module, BAD_INPUT[module], tmp_path)


@pytest.mark.usefixtures("four")
def test_a_command_is_to_be_called_again_as_it_was_started() -> None:
    started = "uv run torchrun --nproc-per-node 4 -m experiments.degradation"
    assert as_started("uv run python -m experiments.degradation") == started


@pytest.mark.usefixtures("four")
def test_a_script_that_torchrun_starts_several_times_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first()
    check_together("cpu", jobs=1)
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(BadInput, match="a script isn't for torchrun"):
        check_together("cpu", jobs=None)


@pytest.mark.usefixtures("four")
def test_each_process_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plainres.launchers.together_launcher.gpu_count", lambda: 2)
    with pytest.raises(BadInput, match="4 processes need a GPU each, and there are 2"):
        check_together("cuda", jobs=None)


def test_without_torchrun_a_process_has_runs_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")  # as other tools set it
    assert is_first()
    assert join() == Share()
    check_together("cpu", jobs=4)
    assert as_started("uv run python -m experiments.degradation") == "uv run python -m experiments.degradation"
