import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from plainres.config import RunConfig
from plainres.data import load_dataset
from plainres.running.events import Finished
from plainres.running.job import Job
from plainres.running.stopping import StopSignal
from plainres.running.tracked_run import train_run
from plainres.tracking.runs import finished_run, log_metrics, open_experiment
from plainres.tracking.source import Source, current_source

SOURCE = Source("0123abc", "--- a change")


@pytest.fixture
def trained(job: Job, tiny: Callable[..., RunConfig]) -> tuple[MlflowClient, Run, RunConfig]:
    """A run trained and tracked in the stock store."""
    config = tiny("residual", 14)
    outcome = train_run(config, replace(job, source=SOURCE), print, patient=False, stop=StopSignal())
    assert isinstance(outcome, Finished)
    assert finished_run(job.experiment, config) == outcome.run_id
    return job.experiment.client, job.experiment.client.get_run(outcome.run_id), config


def test_a_run_logs_what_the_contract_says(trained: tuple[MlflowClient, Run, RunConfig], tmp_path: Path) -> None:
    client, run, config = trained
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "residual-14-seed0"
    assert RunConfig.from_params(run.data.params) == config
    digits = load_dataset("digits")
    expected = {
        "variant": "residual",
        "depth": "14",
        "seed": "0",
        "dataset": "digits",
        "config_hash": config.config_hash,
        "commit": "0123abc",
        "train_images": "1293",
        "validation_images": "144",
        "test_images": "360",
        "validation_hash": digits.validation_hash,
    }
    assert expected.items() <= run.data.tags.items()

    assert all(name.count("/") == 1 for name in run.data.metrics if name not in ("learning_rate", "images_per_second"))
    steps = {name: [m.step for m in client.get_metric_history(run.info.run_id, name)] for name in run.data.metrics}
    for name, seen in steps.items():
        assert seen == {"grad_norm": [0, 1, 2], "final": [2]}.get(name.split("/")[0], [1, 2]), name
    diff = tmp_path / "mlruns" / run.info.experiment_id / run.info.run_id / "artifacts" / "uncommitted.diff"
    assert diff.read_text() == "--- a change"


def test_more_metrics_than_one_batch_of_mlflows_are_all_logged(store: str) -> None:
    experiment = open_experiment(store, "somewhere")
    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    log_metrics(experiment.client, run_id, {f"grad_norm/{layer}": 1.0 for layer in range(1203)}, step=0)
    assert len(experiment.client.get_run(run_id).data.metrics) == 1203


def test_the_source_is_the_checkouts_commit_and_diff() -> None:
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode != 0:
        pytest.skip("not a git checkout")
    source = current_source()
    assert source.commit == head.stdout.strip()
    assert source.diff == subprocess.run([*git, "diff", "HEAD"], capture_output=True, text=True).stdout
