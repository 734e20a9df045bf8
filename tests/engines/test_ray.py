"""A Ray of this machine's own, and a cluster of two of its nodes: real processes, killed in mid-run."""

import os
import signal
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import torch
from mlflow import MlflowClient

from plainres.errors import BadInput
from plainres.launchers.launcher import Died, Launcher, Returned, Task, Told
from plainres.launchers.train_runs import train_runs
from plainres.running.events import Event, Failed, Finished, Notice, Progress
from plainres.running.folders import Job
from plainres.settings import RunConfig
from plainres.training import Trainer
from tests.engines.two_runs import FLAGS, RUNS, begun, check_equal, finish, start, statuses
from tests.faults.stored import TIMES, processes_at, weights
from tests.faults.waiting import eventually
from tests.launchers.test_local_launcher import double

pytest.importorskip("ray", reason="`uv sync --extra ray` installs it")
pytestmark = pytest.mark.engine


def launcher(cpus: int = 1, gpus: float = 0, address: str = "") -> Launcher:
    from plainres.launchers.ray_launcher import RayLauncher

    return RayLauncher(cpus, gpus, address)


def disturbed(configs: list[RunConfig], job: Job, launcher: Launcher, disturb: Callable[[], object]) -> list[Event]:
    """Train, and disturb it once after the second epoch of the first run."""
    events, undisturbed = [], True
    for event in train_runs(configs, launcher, job):
        events.append(event)
        if undisturbed and isinstance(event, Progress) and event.config == configs[0] and event.epoch >= 2:
            undisturbed = False
            disturb()
    assert not undisturbed
    return events


def raylet_of(node: Any) -> int:
    """The process that the node's workers are children of."""
    (raylet,) = node.all_processes["raylet"]
    return int(raylet.process.pid)


def check_went_on(config: RunConfig, events: list[Event], job: Job) -> None:
    """The run was taken up at a checkpoint, and is to the bit what training without a break gives."""
    notices = [event.text for event in events if isinstance(event, Notice) and event.config == config]
    assert any(text.startswith("goes on after epoch") for text in notices)
    (end,) = [event for event in events if isinstance(event, Finished) and event.config == config]
    trainer = Trainer(config)
    metrics = list(trainer)[-1].metrics
    assert {**end.metrics, **dict.fromkeys(TIMES)} == {**metrics, **dict.fromkeys(TIMES)}
    stored = weights(job.checkpoints.parent, end.run_id)
    assert all(torch.equal(stored[name], value) for name, value in trainer.network.state_dict().items())
    history = MlflowClient(job.experiment.tracking_uri).get_metric_history(end.run_id, "loss/train")
    assert [metric.step for metric in history] == list(range(1, config.epochs + 1))


def test_a_killed_workers_run_goes_on_from_its_checkpoint(job: Job, tiny: Callable[..., RunConfig]) -> None:
    configs = [tiny(epochs=40), tiny("residual", epochs=10)]

    def kill() -> None:
        (folder,) = job.checkpoints.glob("plain-8-seed0-*")
        (pid,) = processes_at(folder, "journal")
        os.kill(pid, signal.SIGKILL)

    events = disturbed(configs, job, launcher(), kill)
    assert not [event for event in events if isinstance(event, Failed)]
    check_went_on(configs[0], events, job)


def test_a_lost_nodes_run_goes_on_elsewhere(job: Job, tiny: Callable[..., RunConfig]) -> None:
    from ray.cluster_utils import Cluster

    config = tiny(epochs=40)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
        used = launcher(address=cluster.address)
        assert used.jobs == 2
        with pytest.raises(BadInput, match="no machine of Ray's has 2 CPUs and 0 GPUs for a run"):
            launcher(cpus=2, address=cluster.address)

        def lose() -> None:
            (folder,) = job.checkpoints.glob("plain-8-seed0-*")
            (pid,) = processes_at(folder, "journal")
            above = {process.pid for process in psutil.Process(pid).parents()}  # `uv run` may stand between
            (node,) = [node for node in nodes if raylet_of(node) in above]
            cluster.remove_node(node, allow_graceful=False)

        events = disturbed([config], job, used, lose)
    finally:
        cluster.shutdown()
    check_went_on(config, events, job)


def test_an_interrupted_sweep_on_ray_goes_on_to_what_local_processes_give(folder: Path, trained_here: Path) -> None:
    command = start(folder, *FLAGS, "--launcher", "ray")
    eventually(lambda: begun(folder))
    command.send_signal(signal.SIGINT)
    code, _, errors = finish(command)
    assert code == 130
    assert f"to go on: uv run python -m experiments.degradation {' '.join(FLAGS)} --launcher ray" in errors
    assert "Traceback" not in errors
    assert statuses(folder) == ["KILLED"] * 3

    code, output, errors = finish(start(folder, *FLAGS, "--launcher", "ray"))
    assert (code, errors) == (0, ""), errors
    assert {name for name in RUNS if f"{name}: goes on after epoch" in output} == set(RUNS)
    check_equal(folder, trained_here)


def test_a_study_is_shared_by_rays_tasks(folder: Path) -> None:
    study = [
        "--depths", "8", "--arms", "plain", "--width", "8", "--trials", "3", "--epochs", "3", "--train-images", "300",
        "--test-images", "100", "--storage", "sqlite:///studies.db", "--launcher", "ray",
    ]  # fmt: skip
    code, _, errors = finish(start(folder, *study, module="studies.lr_batch_size"))
    assert (code, errors) == (0, ""), errors
    (summary,) = optuna.get_all_study_summaries(f"sqlite:///{folder / 'studies.db'}")
    trials = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{folder / 'studies.db'}").trials
    assert len(trials) == 3
    assert len({trial.user_attrs["worker"] for trial in trials}) == 2


def test_a_ray_that_was_there_before_stays() -> None:
    import ray

    ray.init(num_cpus=1, include_dashboard=False)
    try:
        value = ray.put("kept")
        (*_, end) = filter(None, launcher().run(deque([Task("a", partial(double, 4))])))
        assert (type(end), getattr(end, "value", None)) == (Returned, 8)
        assert ray.get(value) == "kept"
    finally:
        ray.shutdown()


def test_tasks_are_told_apart_and_one_that_fails_says_why() -> None:
    happened = [
        happening
        for happening in launcher().run(deque(Task(number, partial(double, number)) for number in (1, 3)))
        if happening is not None
    ]
    assert {happening.value for happening in happened if isinstance(happening, Returned)} == {2}
    assert [happening.reason for happening in happened if isinstance(happening, Died)] == ["ValueError: not three"]
    assert {(each.task.about, each.message) for each in happened if isinstance(each, Told)} == {
        (1, "doubling 1"),
        (3, "doubling 3"),
    }


def test_an_address_at_which_no_ray_is_is_one_line(tmp_path: Path) -> None:
    for address, words in (("127.0.0.1:1", "no Ray answers at 127.0.0.1:1: "), ("nowhere", "is no HOST:PORT")):
        code, output, errors = finish(start(tmp_path, "--launcher", "ray", "--ray-address", address))
        assert (code, output, errors.count("\n")) == (2, "", 1)
        assert words in errors
    assert not list(tmp_path.iterdir())


def test_a_folder_for_temporary_files_that_ray_cant_use_is_one_line_or_replaced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 100)
    deep.mkdir()
    short = [*FLAGS[: FLAGS.index("--epochs")], "--epochs", "1", "--seeds", "1", "--launcher", "ray"]
    monkeypatch.setenv("RAY_TMPDIR", "/proc/nothing")
    code, _, errors = finish(start(folder, *short))
    assert (code, errors) == (
        2,
        "error: Ray can't be started here: [Errno 2] No such file or directory: '/proc/nothing'\n",
    )
    monkeypatch.delenv("RAY_TMPDIR")
    monkeypatch.setenv("TMPDIR", str(deep))
    code, _, errors = finish(start(folder, *short))
    assert (code, errors) == (0, "")
