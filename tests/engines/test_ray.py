"""A Ray of this machine's own, and a cluster of two of its nodes: real processes, killed in mid-run."""

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import torch
from mlflow import MlflowClient

from plainres.errors import BadInput
from plainres.running.events import Event, Failed, Finished, Notice, Progress
from plainres.running.job import Job
from plainres.running.launcher import Launcher
from plainres.running.train_runs import train_runs
from plainres.settings import RunConfig
from plainres.training import Trainer
from tests.faults.stored import TIMES, processes_at, weights

pytest.importorskip("ray", reason="`uv sync --extra ray` installs it")
pytestmark = pytest.mark.engine

SWEEP = ["--depths", "8", "--width", "8", "--seeds", "0", "1", "--arms", "residual", "--checkpoint-every", "1"]


def launcher(cpus: int = 1, gpus: float = 0, address: str = "") -> Launcher:
    from plainres.running.ray_launcher import RayLauncher

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
            (node,) = [node for node in nodes if psutil.Process(pid).ppid() == raylet_of(node)]
            cluster.remove_node(node, allow_graceful=False)

        events = disturbed([config], job, used, lose)
    finally:
        cluster.shutdown()
    check_went_on(config, events, job)
