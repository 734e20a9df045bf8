import gc
import os
import sys
import time
from collections import deque
from functools import partial

import pytest

from plainres.data import load_dataset
from plainres.launchers.launcher import Died, Happening, Returned, Task, Told
from plainres.launchers.local_launcher import LocalLauncher
from plainres.launchers.train_runs import Tell
from plainres.system.processes import gpu_of, worker_context
from plainres.system.stopping import StopSignal


def double(number: int, *, tell: Tell, stop: StopSignal) -> int:
    tell(f"doubling {number}")  # type: ignore[arg-type]
    if number == 3:
        raise ValueError("not three\nof all numbers")
    return 2 * number


def gpu_seen(*, tell: Tell, stop: StopSignal) -> str:
    time.sleep(0.5)  # so that the other worker has the other task
    return os.environ["CUDA_VISIBLE_DEVICES"]


def imported(*, tell: Tell, stop: StopSignal) -> dict[str, object]:
    """What a worker has imported before it does anything, and what digits make it import."""
    before = set(sys.modules)
    load_dataset("digits")
    return {
        "needed": {"torch._dynamo", "mlflow.store.tracking.sqlalchemy_store", "plainres.training.trainer"} - before,
        "not needed": {"sklearn", "scipy.stats", "matplotlib"} & set(sys.modules),
        "collecting": gc.isenabled(),
        "passed over": gc.get_freeze_count() > 100_000,
    }


def test_a_worker_begins_with_what_a_run_needs_imported_and_no_more() -> None:
    worker_context()
    worker_context()  # again has no effect
    (returned,) = [happening for happening in LocalLauncher(1).run(deque([Task(0, imported)])) if happening]
    assert isinstance(returned, Returned)
    assert returned.value == {"needed": set(), "not needed": set(), "collecting": True, "passed over": True}


def test_tasks_are_carried_out_in_order_and_more_may_be_added_meanwhile() -> None:
    tasks = deque(Task(number, partial(double, number)) for number in (1, 3))
    happened: list[Happening] = []
    for happening in LocalLauncher(1).run(tasks):
        if happening is None:
            continue
        happened.append(happening)
        if isinstance(happening, Died):
            tasks.append(Task(4, partial(double, 4)))
    assert [(type(happening), happening.task.about) for happening in happened] == [
        (Told, 1), (Returned, 1), (Told, 3), (Died, 3), (Told, 4), (Returned, 4),
    ]  # fmt: skip
    assert [happening.value for happening in happened if isinstance(happening, Returned)] == [2, 8]
    assert [happening.reason for happening in happened if isinstance(happening, Died)] == ["ValueError: not three"]
    assert happened[0] == Told(Task(1, happened[0].task.call), "doubling 1")


def test_each_worker_sees_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plainres.launchers.local_launcher.gpu_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    tasks = deque(Task(number, gpu_seen) for number in range(2))
    happened = list(LocalLauncher(2).run(tasks))
    assert sorted(happening.value for happening in happened if isinstance(happening, Returned)) == ["3", "5"]


def test_gpus_are_shared_out_in_turn() -> None:
    assert [gpu_of(place, 2, {}) for place in range(3)] == [{"CUDA_VISIBLE_DEVICES": index} for index in "010"]
    # A GPU by another name, which only CUDA could count, stays as it is.
    assert gpu_of(1, 1, {"CUDA_VISIBLE_DEVICES": "MIG-1"}) == gpu_of(1, 0, {}) == {}
