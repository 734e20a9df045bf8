import math
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from rich.console import Console

from plainres.launchers.launcher import Happening, Launcher, Returned, Task, Told
from plainres.running.events import Finished
from plainres.running.folders import Job
from plainres.running.tracked_run import Hooks
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal
from plainres.training import EpochRecord
from plainres.tuning.definition import StudyPlan, plan_studies
from plainres.tuning.run_studies import run_studies
from plainres.tuning.search import Search
from plainres.tuning.state import StudyState


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    """An SQLite storage that isn't made yet."""
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture(scope="session")
def tiny_plans() -> Callable[..., tuple[StudyPlan, ...]]:
    """Studies whose trials train in a second."""

    def make(
        variants: tuple[str, ...] = ("plain",),
        depths: tuple[int, ...] = (8,),
        prefix: str = "tiny",
        epochs: int = 1,
        lr: float | None = None,
        studies: int = 1,
        settings: dict[str, object] | None = None,
        **search: object,
    ) -> tuple[StudyPlan, ...]:
        defaults = {
            "lr_range": (1e-3, 1.0), "batch_sizes": (64, 128, 256), "objective": "train_loss", "pruner": "none",
            "pruner_warmup": None, "sampler_seed": 0,
        }  # fmt: skip
        return plan_studies(
            variants, depths, 0,
            prefix=prefix, search=Search(**{**defaults, **search}),
            settings={"width": 8, "epochs": epochs, "device": "cpu", "lr": lr, **(settings or {})}, studies=studies,
        )  # fmt: skip

    return make


class InThisProcess(Launcher):
    """Carries out one task after the other, here."""

    jobs = 1

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """As the protocol has it; what tasks tell comes when they have ended."""
        while tasks:
            task = tasks.popleft()
            told: list[object] = []
            value = task.call(tell=told.append, stop=StopSignal())  # type: ignore[call-arg]
            yield from (Told(task, message) for message in told)
            yield Returned(task, value)


@pytest.fixture
def study(storage_url: str, job: Job) -> Callable[..., list[StudyState]]:
    """Runs studies to their end in this process, as the command does."""

    def run(plans: tuple[StudyPlan, ...], trials: int, confirm: int = 0) -> list[StudyState]:
        return run_studies(plans, trials, storage_url, job, InThisProcess(), Console(quiet=True), confirm)

    return run


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that take no time, with a loss that the learning rate alone decides: for what is about draws only."""

    def train(config: RunConfig, *_: object, hooks: Hooks, **__: object) -> Finished:
        metrics = {"loss/train": abs(math.log10(config.lr) + 1), "final/train_loss": abs(math.log10(config.lr) + 1)}
        hooks.on_known(EpochRecord(1, metrics))
        return Finished(config, "no run", metrics)

    monkeypatch.setattr("plainres.tuning.trial.train_run", train)
