"""Trials trained again on fresh seeds: real trainings of tiny networks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna import create_study
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from plainres.running.folders import Job
from plainres.training import train
from plainres.tuning.best import tuned_values
from plainres.tuning.confirmation import candidates
from plainres.tuning.definition import StudyPlan
from plainres.tuning.state import StudyState

Plans = Callable[..., tuple[StudyPlan, ...]]
Study = Callable[..., list[StudyState]]


def test_the_best_mean_on_fresh_seeds_wins_and_no_run_is_trained_twice(
    study: Study, storage_url: str, job: Job, tiny_plans: Plans
) -> None:
    plans = tiny_plans(batch_sizes=(64, 256))
    (state,) = study(plans, 3, confirm=2)
    (plan,) = plans
    first, second = state.confirmed
    assert first.mean <= second.mean
    assert {first.trial, second.trial} == {
        trial.number for trial in sorted(state.done, key=lambda trial: trial.value or 0)[:2]
    }
    assert first.seeds == (1_000_000, 1_000_001, 1_000_002)
    # The same to the last bit as a training that knows of no study.
    *_, last = train(plan.trial_config(first.params, 1_000_001))
    assert first.values[1] == last.metrics["final/train_loss"]
    (tuned,) = tuned_values(storage_url, "tiny", [replace(plan.config, seed=5)])
    assert (tuned.values, tuned.confirmed) == (first.params, first.values)

    client = job.experiment.client
    found = client.search_runs([job.experiment.experiment_id], "attributes.status = 'FINISHED'")
    fresh = [run for run in found if run.data.tags.get("seed", "").startswith("100000")]
    names = {f"plain-8-seed{seed}-trial{each.trial}" for each in state.confirmed for seed in each.seeds}
    assert {run.info.run_name for run in fresh} == names
    assert len(fresh) == len(names) == 6
    (parent_id,) = {run.data.tags["mlflow.parentRunId"] for run in fresh}
    parent = client.get_run(parent_id)
    assert parent.data.tags["study"] == plan.name
    assert parent.data.metrics["best/confirmed"] == first.mean
    assert parent.data.metrics["best/trial"] == first.trial
    report = (Path(parent.info.artifact_uri.removeprefix("file://")) / "report.md").read_text()
    assert f"| plain-8 | {first.trial} |" in report
    assert "Seeds of the first studies: 1000000, 1000001, 1000002." in report

    (again,) = study(plans, 3, confirm=2)
    assert again.confirmed == state.confirmed
    assert len(client.search_runs([job.experiment.experiment_id])) == len(found) + 1  # that of the fixture


def test_a_run_that_fails_on_a_fresh_seed_leaves_the_study_unconfirmed(
    study: Study, job: Job, tiny_plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    study(tiny_plans(), 1)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr("plainres.running.tracked_run.save_model", fail)
        (state,) = study(tiny_plans(), 1, confirm=1)
    assert state.unconfirmed == tuple(f"plain-8-seed100000{n}-trial0: OSError: disk full" for n in range(3))
    assert state.confirmed == ()
    (state,) = study(tiny_plans(), 1, confirm=1)
    assert (state.unconfirmed, len(state.confirmed)) == ((), 1)


def test_trials_of_the_same_values_are_confirmed_once() -> None:
    study = create_study()
    for lr, value in ((0.1, 0.5), (0.2, 0.4), (0.1, 0.5), (0.3, 0.6)):
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE, value=value, params={"lr": lr}, distributions={"lr": FloatDistribution(0, 1)}
            )
        )
    assert [trial.number for trial in candidates(study.trials, 3)] == [1, 0, 3]
    assert [trial.number for trial in candidates(study.trials, 2)] == [1, 0]
