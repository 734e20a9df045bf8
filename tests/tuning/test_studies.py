"""Studies worked on in this process: what is drawn, counted, pruned and stored."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

import optuna
import pytest
import torch
from optuna.trial import TrialState

from plainres.analysis.trained import load_run
from plainres.errors import BadInput
from plainres.running.folders import Job, run_folder
from plainres.system.stopping import StopSignal
from plainres.tracking.runs import finished_run
from plainres.tuning.definition import StudyPlan
from plainres.tuning.run_studies import prepared
from plainres.tuning.slots import claim, deaths_of, queue_again, queue_failed_again, slots_of
from plainres.tuning.state import StudyState, look
from plainres.tuning.storage import check_studies, load_study, open_storage, open_studies
from plainres.tuning.trial_workers import work as run_worker
from tests.faults.stored import histories
from tests.faults.waiting import eventually

Plans = Callable[..., tuple[StudyPlan, ...]]


def work(plans: tuple[StudyPlan, ...], budget: int, url: str, job: Job) -> list[StudyState]:
    """Bring the studies to the budget, as a worker alone does, and the ones that take its place after a failure."""
    with prepared(plans, budget, url, job) as (storage, order):
        while run_worker(order, "worker", tell=print, stop=StopSignal()):
            pass
        return look({plan: load_study(storage, plan) for plan in plans}, budget)


def draws(state: StudyState) -> list[dict[str, object]]:
    return [trial.params for trial in state.done]


def test_a_study_that_goes_on_draws_what_an_undisturbed_one_does(
    instant: None, storage_url: str, job: Job, tiny_plans: Plans
) -> None:
    (whole,) = work(tiny_plans(prefix="whole"), 14, storage_url, job)
    work(tiny_plans(prefix="parts"), 3, storage_url, job)
    (plan,) = tiny_plans(prefix="parts")
    storage = open_storage(storage_url)
    study = load_study(storage, plan)
    # An interrupt in the fourth trial.
    _, trial = claim(study, storage, 12, plan.fixed_values) or (0, None)
    assert trial is not None
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    queue_again(study, trial, deaths_of(trial))
    work(tiny_plans(prefix="parts"), 12, storage_url, job)
    (parts,) = work(tiny_plans(prefix="parts"), 14, storage_url, job)
    assert draws(parts) == draws(whole)
    assert len({params["lr"] for params in draws(whole)}) == 14
    assert draws(whole)[0] == {"lr": 0.02, "batch_size": 64}


def test_every_network_is_offered_the_same_random_draws(
    instant: None, storage_url: str, job: Job, tiny_plans: Plans
) -> None:
    plain, residual = work(tiny_plans(("plain", "residual")), 5, storage_url, job)
    assert draws(plain) == draws(residual)


def test_studies_of_one_network_have_draws_of_their_own(
    instant: None, storage_url: str, job: Job, tiny_plans: Plans
) -> None:
    first, second = work(tiny_plans(studies=2), 4, storage_url, job)
    (alone,) = work(tiny_plans(prefix="alone"), 4, storage_url, job)
    assert draws(first) == draws(alone)
    assert draws(first)[0] == draws(second)[0] == {"lr": 0.02, "batch_size": 64}
    assert not {params["lr"] for params in draws(first)[1:]} & {params["lr"] for params in draws(second)[1:]}


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_draws_that_go_by_no_other_trial_are_the_same_in_any_order(
    instant: None, storage_url: str, job: Job, tiny_plans: Plans, sampler: str
) -> None:
    searched = ("weight_decay", "lr", "batch_size")
    plans = tiny_plans(sampler=sampler, searched=searched)
    (state,) = work(plans, 8, storage_url, job)
    values = draws(state)
    assert values[0] == {"lr": 0.02, "batch_size": 64, "weight_decay": 1e-4}  # the recipe's
    assert all(1e-3 <= v["lr"] <= 1 and 1e-6 <= v["weight_decay"] <= 1e-2 for v in values)  # type: ignore[operator]
    assert len({params["weight_decay"] for params in values}) == 8
    # The last slot drawn first, in a study of its own.
    (other,) = tiny_plans(sampler=sampler, searched=searched, prefix="other")
    storage = open_storage(storage_url)
    open_studies(storage, [other])
    study = load_study(storage, other)
    for _ in range(8):
        study.add_trial(optuna.trial.create_trial(state=TrialState.WAITING))
    last = study.get_trials(deepcopy=False)[7]
    storage.set_trial_system_attr(last._trial_id, "fixed_params", other.fixed_values(7) or {})
    trial = optuna.Trial(load_study(storage, other, 7), last._trial_id)
    assert {each.name: each.suggested(trial) for each in other.search.space} == values[7]


def test_trials_of_equal_steps_are_pruned_where_they_are_equally_far(
    storage_url: str, job: Job, tiny_plans: Plans
) -> None:
    plans = tiny_plans(epochs=2, budget="steps", batch_sizes=(32, 64, 128, 256), searched=("batch_size",))
    (state,) = work(plans, 6, storage_url, job)
    steps = {trial.params["batch_size"]: list(trial.intermediate_values) for trial in state.done}
    runs = {
        trial.params["batch_size"]: job.experiment.client.get_run(trial.user_attrs["run_id"]).data.params["epochs"]
        for trial in state.done
    }
    expected = {32: ("1", [2]), 64: ("2", [1, 2]), 128: ("4", [0, 1, 2]), 256: ("8", [0, 1, 2])}
    assert {size: (runs[size], steps[size]) for size in runs} == {
        size: (epochs, [step for step in seen if step]) for size, (epochs, seen) in expected.items() if size in runs
    }
    assert len(runs) > 1


def test_no_more_slots_than_the_budget_are_worked_on(storage_url: str, tiny_plans: Plans) -> None:
    (plan,) = tiny_plans()
    storage = open_storage(storage_url)
    open_studies(storage, [plan])
    study = load_study(storage, plan)
    for _ in range(5):  # two more than the budget, as workers that look at the same moment may add
        study.add_trial(optuna.trial.create_trial(state=TrialState.WAITING))
    claimed = [claim(study, storage, 3, plan.fixed_values) for _ in range(4)]
    assert [entry[0] if entry else None for entry in claimed] == [0, 1, 2, None]


def test_a_slot_that_was_queued_twice_is_worked_on_once(storage_url: str, tiny_plans: Plans) -> None:
    (plan,) = tiny_plans()
    storage = open_storage(storage_url)
    open_studies(storage, [plan])
    study = load_study(storage, plan)
    _, trial = claim(study, storage, 1, plan.fixed_values) or (0, None)
    assert trial is not None
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    queue_again(study, trial, [])
    queue_again(study, trial, [])
    assert claim(study, storage, 1, plan.fixed_values) is not None
    assert claim(study, storage, 1, plan.fixed_values) is None
    assert len(slots_of(study.get_trials(), 1)[0].attempts) == 3


def test_a_study_of_another_definition_is_refused(storage_url: str, tiny_plans: Plans) -> None:
    open_studies(open_storage(storage_url), tiny_plans())
    check_studies(tiny_plans(), storage_url)
    for change, words in {
        "lr_range": "highest learning rate is 1.0, not 0.5",
        "objective": "objective is train_loss, not train_error",
        "epochs": "epochs is 1, not 2",
        "sampler_seed": "sampler seed is 0, not 1",
    }.items():
        other = {"lr_range": (1e-3, 0.5), "objective": "train_error", "epochs": 2, "sampler_seed": 1}[change]
        with pytest.raises(BadInput, match=words):
            check_studies(tiny_plans(**{change: other}), storage_url)
    open_studies(open_storage(storage_url), tiny_plans(prefix="other", epochs=2))


def test_a_trial_is_a_whole_mlflow_run_of_its_study(storage_url: str, job: Job, tiny_plans: Plans) -> None:
    (state,) = work(tiny_plans(epochs=2), 1, storage_url, job)
    (trial,) = state.done
    client = job.experiment.client
    run = client.get_run(trial.user_attrs["run_id"])
    parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.data.tags["study"] == state.plan.name
    assert (run.info.run_name, run.data.tags["trial"], run.info.status) == ("plain-8-trial0", "0", "FINISHED")
    assert run.data.metrics["final/train_loss"] == trial.value
    history = {entry.step: entry.value for entry in client.get_metric_history(run.info.run_id, "loss/train")}
    assert history == trial.intermediate_values
    assert run.data.params["lr"] == str(trial.params["lr"])
    assert finished_run(job.experiment, state.plan.trial_config(trial.params)) == run.info.run_id
    assert torch.isfinite(load_run(run.info.run_id, job.experiment.tracking_uri).network.fc.weight).all()


def test_a_trial_takes_the_finished_run_of_an_equal_one(storage_url: str, job: Job, tiny_plans: Plans) -> None:
    (first,) = work(tiny_plans(epochs=2), 1, storage_url, job)
    (second,) = work(tiny_plans(epochs=2, prefix="equal"), 1, storage_url, job)
    (trained,), (taken,) = first.done, second.done
    assert taken.user_attrs == {**trained.user_attrs, "taken": True}
    assert (taken.params, taken.value, taken.intermediate_values) == (
        trained.params, trained.value, trained.intermediate_values,
    )  # fmt: skip


def test_a_trial_waits_for_an_equal_run_that_is_in_training(storage_url: str, job: Job, tiny_plans: Plans) -> None:
    (plan,) = tiny_plans()
    assert plan.first_trial
    config = plan.trial_config(plan.first_trial)
    folder = run_folder(job.checkpoints, job.experiment.tracking_uri, job.experiment.experiment_id, config)
    storage = open_storage(storage_url)
    open_studies(storage, [plan])
    study = load_study(storage, plan)
    with ThreadPoolExecutor(1) as worker:
        with folder.held():
            working = worker.submit(work, (plan,), 1, storage_url, job)
            eventually(lambda: study.get_trials(states=(TrialState.RUNNING,)))
            time.sleep(1)
            assert not histories(job.experiment.tracking_uri, "somewhere")
        (state,) = working.result()
    assert [trial.state for trial in state.done] == [TrialState.COMPLETE]


def test_a_diverged_trial_counts_as_the_worst_and_is_marked(storage_url: str, job: Job, tiny_plans: Plans) -> None:
    # A learning rate at which the loss is no longer finite within the first epoch.
    plans = tiny_plans(lr_range=(1e-3, 1e12), lr=1e12)
    (state,) = work(plans, 2, storage_url, job)
    diverged = state.done[0]
    others = [trial.value for trial in state.done[1:] if trial.value is not None]
    assert diverged.state == TrialState.COMPLETE
    assert diverged.value is not None
    assert diverged.value >= math.log(10)  # ten classes, none of which it can tell
    assert state.diverged >= 1
    assert state.best is None or state.best.number != diverged.number
    assert all(math.isfinite(value) for value in others)
    assert job.experiment.client.get_run(diverged.user_attrs["run_id"]).data.tags["diverged"] == "1"


def test_a_pruned_trial_is_told_apart_from_a_finished_run(
    storage_url: str, job: Job, tiny_plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "plainres.tuning.storage._pruner", lambda _: optuna.pruners.ThresholdPruner(upper=0, n_warmup_steps=1)
    )
    (state,) = work(tiny_plans(epochs=3), 1, storage_url, job)
    (trial,) = state.done
    assert trial.state == TrialState.PRUNED
    assert trial.user_attrs["pruned_epoch"] == 1
    assert state.prune_rate == 1.0
    assert state.best is None
    run = job.experiment.client.get_run(trial.user_attrs["run_id"])
    assert (run.info.status, run.data.tags["pruned_epoch"]) == ("KILLED", "1")
    assert [path.name for path in Path("checkpoints").iterdir()] == ["locks"]
    assert "final/test_error" not in run.data.metrics
    assert finished_run(job.experiment, state.plan.trial_config(trial.params)) is None


def failing(words: str) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(words)

    return fail


def test_a_trial_that_raises_fails_alone_and_is_tried_again_at_the_next_start(
    storage_url: str, job: Job, tiny_plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("plainres.running.tracked_run.save_model", failing("disk full"))
        (state,) = work(tiny_plans(), 2, storage_url, job)
    assert state.failures == ("OSError: disk full",) * 2
    assert not state.done
    (plan,) = tiny_plans()
    queue_failed_again(load_study(open_storage(storage_url), plan), 2)
    (state,) = work(tiny_plans(), 2, storage_url, job)
    assert (len(state.done), state.failures) == (2, ())


def test_a_password_in_a_trials_error_is_neither_shown_nor_stored(
    storage_url: str, job: Job, tiny_plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = token_hex()  # no part of the code, whose changes are stored
    words = f"no answer from postgresql://me:{password}@host/studies\nthough asked politely"
    monkeypatch.setattr("plainres.running.tracked_run.save_model", failing(words))
    (state,) = work(tiny_plans(), 1, storage_url, job)
    assert state.failures == ("OSError: no answer from postgresql://host/studies",)
    stored = [path for path in Path.cwd().rglob("*") if path.is_file()]
    assert {"studies.db", "mlflow.db", "traceback.txt"} <= {path.name for path in stored}
    assert not any(password.encode() in path.read_bytes() for path in stored)
