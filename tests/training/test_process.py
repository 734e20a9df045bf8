"""Training does not touch its process, and the process does not touch training."""

import gc
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plainres.settings import RunConfig
from plainres.training import EpochRecord, Trainer, train
from plainres.training.process import initial_draws

TIMES = ("images_per_second", "final/seconds")


def outcome(records: list[EpochRecord]) -> list[dict[str, float]]:
    return [{name: value for name, value in record.metrics.items() if name not in TIMES} for record in records]


@pytest.fixture(scope="module")
def configs(tiny: Callable[..., RunConfig]) -> list[RunConfig]:
    few = {"batch_size": 128, "train_images": 500, "test_images": 100, "augment": "crop-flip"}
    return [tiny(**few), tiny("residual", seed=1, shortcut="B", **few), tiny("residual", seed=2, threads=2, **few)]


@pytest.fixture(scope="module")
def alone(configs: list[RunConfig]) -> list[list[dict[str, float]]]:
    return [outcome(list(train(config))) for config in configs]


def process() -> dict[str, Any]:
    """What torch, NumPy and Python keep for the process."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "cuda": [state.tolist() for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
        "numpy": [np.asarray(part).tolist() for part in np.random.get_state()],  # type: ignore[union-attr]
        "python": random.getstate(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "onednn": torch.backends.mkldnn.enabled,
        "cudnn": [getattr(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")],
        "precision": torch.get_float32_matmul_precision(),
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
    }


def test_runs_in_threads_are_what_each_is_alone(configs: list[RunConfig], alone: list[list[dict[str, float]]]) -> None:
    with ThreadPoolExecutor(len(configs)) as threads:
        together = list(threads.map(lambda config: outcome(list(train(config))), configs))
    assert together == alone


def test_trainers_taking_turns_are_what_each_is_alone(
    configs: list[RunConfig], alone: list[list[dict[str, float]]]
) -> None:
    turns = list(zip(*(Trainer(config) for config in configs), strict=True))
    assert [outcome(list(records)) for records in zip(*turns, strict=True)] == alone


def test_a_process_that_draws_and_forbids_gradients_changes_nothing(
    configs: list[RunConfig], alone: list[list[dict[str, float]]]
) -> None:
    records = []
    with torch.no_grad():
        for record in train(configs[0]):
            torch.manual_seed(len(records))
            records.append(record)
    assert outcome(records) == alone[0]


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


CHANGED: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "default type": lambda: default_type(torch.float64),
    "default device": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
}


@pytest.mark.parametrize("changed", CHANGED)
def test_what_a_process_has_changed_of_torchs_beginnings_changes_no_run(
    changed: str, configs: list[RunConfig], alone: list[list[dict[str, float]]]
) -> None:
    with CHANGED[changed]():
        before = process()
        assert outcome(list(train(configs[0]))) == alone[0]
        assert process() == before


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_process_is_as_before_a_run_that_is_left_anywhere(configs: list[RunConfig], steps: int) -> None:
    torch.set_num_threads(2)  # and not the run's number
    before = process()
    records = train(configs[0])
    for _ in range(steps):
        next(records)
        assert process() == before
    del records
    gc.collect()
    assert process() == before


def test_the_process_is_as_before_after_a_step(configs: list[RunConfig]) -> None:
    before = process()
    trainer = Trainer(configs[0])
    next(trainer.train_steps())
    trainer.evaluate(trainer.test_split)
    trainer.predict(trainer.test_split)
    assert process() == before


def test_a_step_has_the_runs_number_of_threads(tiny: Callable[..., RunConfig]) -> None:
    torch.set_num_threads(1)
    trainer = Trainer(tiny(threads=2, epochs=1, batch_size=512))
    seen: set[int] = set()
    trainer.network.register_forward_hook(lambda *_: seen.add(torch.get_num_threads()))  # type: ignore[func-returns-value]
    list(trainer)
    assert seen == {2}
    assert torch.get_num_threads() == 1


def test_a_run_that_fails_in_a_step_leaves_the_process_as_before(configs: list[RunConfig]) -> None:
    torch.set_num_threads(2)
    before = process()
    trainer = Trainer(configs[0])

    def fail(*_: object) -> None:
        raise MemoryError

    trainer.network.register_forward_hook(fail)
    with pytest.raises(MemoryError):
        list(trainer)
    assert process() == before


def test_streamed_images_leave_the_process_as_before(
    tiny: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # for a cache of its own
    for split in ("train", "test"):
        for index in range(24):
            folder = tmp_path / "images" / split / str(index % 2)
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.full((8, 8, 3), 10 * index, np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    before = process()
    settings = {"data_dir": str(tmp_path / "images"), "batch_size": 4, "augment": "crop-flip"}
    list(train(tiny(dataset="imagefolder", stream="always", epochs=1, **settings)))
    assert process() == before


def test_initial_draws_are_those_after_manual_seed() -> None:
    with initial_draws(7):
        drawn = torch.randn(5)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.randn(5))
