import gzip
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from plainres.data import load_dataset
from plainres.running.events import Finished
from plainres.running.folders import Job
from plainres.running.tracked_run import train_run
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal
from plainres.tracking.runs import (
    Experiment,
    create_run,
    describe_run,
    finished_run,
    finished_runs,
    log_metrics,
    open_experiment,
)
from plainres.tracking.source import Source
from tests.environment import ROOT

SOURCE = Source("0123abc", "--- a change", "experiments/degradation.py", "ada")


@pytest.fixture
def trained(job: Job, tiny: Callable[..., RunConfig]) -> tuple[MlflowClient, Run, RunConfig]:
    """A tiny run in the store."""
    config = tiny("residual", 14)
    outcome = train_run(config, replace(job, source=SOURCE), print, patient=False, stop=StopSignal())
    assert isinstance(outcome, Finished)
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
        expected_steps = {"grad_norm": [0, 1, 2], "initial_grad_norm": [0], "final": [2]}
        assert seen == expected_steps.get(name.split("/")[0], [1, 2]), name
    (diff,) = tmp_path.glob(f"mlruns/*/{run.info.run_id}/artifacts/uncommitted.diff")
    assert diff.read_text() == "--- a change"


def test_more_metrics_than_one_batch_of_mlflows_are_all_logged(store: str) -> None:
    experiment = open_experiment(store, "somewhere")
    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    log_metrics(experiment.client, run_id, {f"grad_norm/{layer}": 1.0 for layer in range(1203)}, step=0)
    assert len(experiment.client.get_run(run_id).data.metrics) == 1203


def test_mlflows_columns_are_filled(trained: tuple[MlflowClient, Run, RunConfig]) -> None:
    _, run, _ = trained
    filled = {"mlflow.source.name": "experiments/degradation.py", "mlflow.source.type": "LOCAL", "mlflow.user": "ada"}
    assert filled.items() <= run.data.tags.items()
    assert run.data.tags["mlflow.source.git.commit"] == "0123abc"
    (noted,) = run.inputs.dataset_inputs
    assert noted.dataset.name == "digits"
    assert json.loads(noted.dataset.profile) == {
        "num_rows": 1797, "train": 1293, "validation": 144, "test": 360, "classes": 10,
    }  # fmt: skip


def test_describing_a_run_again_changes_nothing(trained: tuple[MlflowClient, Run, RunConfig], store: str) -> None:
    client, run, config = trained
    experiment = Experiment(store, run.info.experiment_id)
    describe_run(experiment, run.info.run_id, config, load_dataset("digits"), SOURCE)
    again = client.get_run(run.info.run_id)
    assert (again.data.params, len(again.inputs.dataset_inputs)) == (run.data.params, 1)


def test_workers_that_note_one_data_set_at_once_share_its_row(store: str, tiny: Callable[..., RunConfig]) -> None:
    experiment, dataset = open_experiment(store, "somewhere"), load_dataset("digits")
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(create_run, experiment, tiny(seed=n), dataset, None, SOURCE, {}) for n in range(4)]
    inputs = [experiment.client.get_run(run.result()).inputs.dataset_inputs for run in made]
    assert {len(of_run) for of_run in inputs} == {1}
    assert len({of_run[0].dataset.digest for of_run in inputs}) == 1


def stored(experiment: Experiment, config: RunConfig, tags: dict[str, str], status: str = "FINISHED") -> str:
    run_id = create_run(experiment, config, load_dataset("digits"), None, Source("", ""), tags)
    experiment.client.set_terminated(run_id, status)
    return run_id


def test_a_run_counts_as_finished_when_it_ended_with_its_model(store: str, tiny: Callable[..., RunConfig]) -> None:
    experiment = open_experiment(store, "somewhere")
    stored(experiment, tiny(), {"trial": "3"})  # of a study before trials stored their models
    stored(experiment, tiny(), {"attempt": "a"}, "KILLED")
    stored(experiment, tiny(seed=1), {"attempt": "b"})
    experiment.client.delete_run(stored(experiment, tiny(), {"attempt": "c"}))
    assert finished_run(experiment, tiny()) is None
    run_id = stored(experiment, tiny(), {"attempt": "d", "trial": "4"})
    assert finished_run(experiment, tiny()) == run_id


@pytest.mark.parametrize("through", ["store", "server"])
def test_many_runs_count_as_finished_as_each_does(
    through: str, request: pytest.FixtureRequest, store: str, tiny: Callable[..., RunConfig]
) -> None:
    experiment = open_experiment(store, "somewhere")
    configs = [tiny(seed=seed) for seed in range(6)]
    stored(experiment, configs[0], {"attempt": "a"}, "KILLED")
    stored(experiment, configs[1], {"trial": "3"})
    experiment.client.delete_run(stored(experiment, configs[2], {"attempt": "b"}))
    plain = [stored(experiment, config, {"attempt": config.name}) for config in configs[3:5]]
    fresh = stored(experiment, configs[5], {"attempt": "c", "generation": "fresh"})
    stored(open_experiment(store, "elsewhere"), configs[0], {"attempt": "d"})

    asked = Experiment(request.getfixturevalue(through), experiment.experiment_id)
    assert finished_runs(asked, configs) == dict(zip(configs[3:], [*plain, fresh], strict=True))
    assert finished_runs(asked, configs, "fresh") == {configs[5]: fresh}
    assert finished_runs(asked, configs) == {
        config: run_id for config in configs if (run_id := finished_run(asked, config))
    }


@pytest.mark.parametrize("through", ["store", "server"])
def test_of_two_finished_runs_the_one_counts_that_found_no_other_whatever_the_clocks_say(
    through: str, request: pytest.FixtureRequest, store: str, tiny: Callable[..., RunConfig]
) -> None:
    experiment = open_experiment(store, "somewhere")
    first = stored(experiment, tiny(), {"attempt": "a"})
    second = stored(experiment, tiny(), {"attempt": "b", "same_as": first})
    experiment.client.set_terminated(second, end_time=1000)  # by a clock of long ago
    asked = Experiment(request.getfixturevalue(through), experiment.experiment_id)
    assert finished_run(asked, tiny()) == first
    assert finished_runs(asked, [tiny()]) == {tiny(): first}


def test_a_fresh_sweep_takes_what_was_trained_for_it_whatever_the_clocks_say(
    store: str, tiny: Callable[..., RunConfig]
) -> None:
    experiment, year_3000 = open_experiment(store, "somewhere"), 32_503_680_000_000
    ahead = experiment.client.create_run(
        experiment.experiment_id, year_3000, {"config_hash": tiny().config_hash, "attempt": "a"}
    )
    experiment.client.set_terminated(ahead.info.run_id)
    assert finished_run(experiment, tiny()) == ahead.info.run_id
    assert finished_run(experiment, tiny(), "fresh") is None
    run_id = stored(experiment, tiny(), {"attempt": "b", "generation": "fresh"})
    assert finished_run(experiment, tiny(), "fresh") == run_id


def test_runs_of_a_store_of_before_are_still_finished(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "mlflow.db")
    database.executescript(gzip.decompress((ROOT / "tests" / "golden" / "store.sql.gz").read_bytes()).decode())
    database.close()
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'FINISHED' AND tags.config_hash LIKE '%'")
    of_sweep = [run for run in runs if "trial" not in run.data.tags]
    assert of_sweep
    for run in of_sweep:
        experiment = Experiment(client.tracking_uri, run.info.experiment_id)
        assert finished_run(experiment, RunConfig.from_params(run.data.params)) is not None
