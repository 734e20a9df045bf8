"""The tuned values that an experiment takes, out of studies whose trainings take no time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.tuning import best
from plainres.tuning.best import tuned_values
from plainres.tuning.confirmation import CONFIRMED
from plainres.tuning.definition import StudyPlan
from plainres.tuning.state import StudyState
from plainres.tuning.storage import load_study, open_storage, stored_attributes

Plans = Callable[..., tuple[StudyPlan, ...]]
Study = Callable[..., list[StudyState]]


def runs(plans: tuple[StudyPlan, ...], **settings: object) -> list[RunConfig]:
    """The runs of an experiment on the networks of studies."""
    return [replace(plan.config, seed=5, **settings) for plan in plans if plan.number == 0]  # type: ignore[arg-type]


def test_every_study_of_a_network_gives_its_values(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    plans = tiny_plans(("plain", "residual"), studies=2)
    states = study(plans, 3)
    tuned = tuned_values(storage_url, "tiny", runs(plans))
    assert [values.label for values in tuned] == ["plain-8", "plain-8-study1", "residual-8", "residual-8-study1"]
    for values, state in zip(tuned, states, strict=True):
        assert state.best is not None
        assert (values.study, values.values, values.value) == (state.plan.name, state.best.params, state.best.value)
        assert (values.trials, values.near, values.confirmed) == (3, 1, ())


@pytest.mark.parametrize(
    "launch", [{"cuda_graph": False}, {"stream": "never"}, {"data_workers": 2}], ids=lambda launch: next(iter(launch))
)
def test_how_trials_were_launched_is_no_part_of_what_was_tuned(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans, launch: dict[str, object]
) -> None:
    plans = tiny_plans(settings=launch)
    (state,) = study(plans, 2)
    (tuned,) = tuned_values(storage_url, "tiny", runs(tiny_plans()))
    assert state.best is not None
    assert tuned.values == state.best.params
    assert plans[0].definition == tiny_plans()[0].definition
    with pytest.raises(BadInput, match=r"tuned another network or training: momentum is 0\.9, not 0\.5"):
        tuned_values(storage_url, "tiny", runs(tiny_plans(), momentum=0.5))


def test_a_trial_that_a_person_added_and_nobody_trained_is_not_taken(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    plans = tiny_plans()
    study(plans, 2)
    before = tuned_values(storage_url, "tiny", runs(plans))
    storage = open_storage(storage_url)
    load_study(storage, plans[0]).add_trial(
        create_trial(
            value=0.0,
            params={"lr": 0.5, "batch_size": 64},
            distributions=load_study(storage, plans[0]).best_trial.distributions,
        )
    )
    assert tuned_values(storage_url, "tiny", runs(plans))[0].values == before[0].values


def test_a_study_that_is_deleted_meanwhile_is_said_in_a_line(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = tiny_plans()
    study(plans, 1)
    known = stored_attributes

    def then_deleted(storage: RDBStorage | None) -> dict[str, dict[str, Any]]:
        attributes = known(storage)
        optuna.delete_study(study_name=plans[0].name, storage=storage_url)
        return attributes

    monkeypatch.setattr(best, "stored_attributes", then_deleted)
    with pytest.raises(BadInput, match="was deleted meanwhile"):
        tuned_values(storage_url, "tiny", runs(plans))


def test_what_was_not_searched_must_be_what_it_was(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    plans = tiny_plans(searched=("lr", "weight_decay"))
    study(plans, 2)
    (tuned,) = tuned_values(storage_url, "tiny", runs(plans, weight_decay=0.5, lr=3.0))
    assert tuned.values.keys() == tuned.near_values.keys() == {"lr", "weight_decay"}
    with pytest.raises(BadInput, match="batch size is 64, not 32"):
        tuned_values(storage_url, "tiny", runs(plans, batch_size=32))


def test_epochs_come_with_the_batch_size_where_steps_are_equal(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    plans = tiny_plans(epochs=4, budget="steps", batch_sizes=(128,))
    study(plans, 2)
    (tuned,) = tuned_values(storage_url, "tiny", runs(plans))
    assert (tuned.values["batch_size"], tuned.values["epochs"]) == (128, 8)
    assert tuned.near_values["batch_size"] == (128, 128)
    with pytest.raises(BadInput, match="budget is steps of batch size 64, not steps of batch size 32"):
        tuned_values(storage_url, "tiny", runs(plans, batch_size=32))


def test_networks_with_unequal_numbers_of_studies_are_refused(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    both = tiny_plans(("plain", "residual"), studies=2)
    study(both[:3], 1)
    with pytest.raises(BadInput, match="unequal numbers of studies: plain-8 has 2, residual-8 has 1"):
        tuned_values(storage_url, "tiny", runs(both))


def test_a_confirmed_winner_is_taken_until_a_better_trial_comes(
    instant: None, study: Study, storage_url: str, tiny_plans: Plans
) -> None:
    plans = tiny_plans()
    (state,) = study(plans, 4)
    best, second = sorted(state.done, key=lambda trial: trial.value or 0)[:2]
    stored = load_study(open_storage(storage_url), plans[0])
    noted = [
        {"trial": trial.number, "params": trial.params, "objective": trial.value, "seeds": [7, 8], "values": values}
        for trial, values in ((best, [0.5, 0.7]), (second, [0.4, 0.6]))
    ]
    stored.set_user_attr(CONFIRMED, noted)
    (tuned,) = tuned_values(storage_url, "tiny", runs(plans))
    assert (tuned.values, tuned.value, tuned.confirmed) == (second.params, second.value, (0.4, 0.6))
    with pytest.raises(BadInput, match="seed 7 helped to choose the values of study tiny/digits/plain-8"):
        tuned_values(storage_url, "tiny", [replace(plans[0].config, seed=seed) for seed in (5, 7)])
    # A diverged run on a fresh seed is worse than any other, and of two there is no winner.
    stored.set_user_attr(CONFIRMED, [noted[0], {**noted[1], "values": [0.1, float("inf")]}])
    assert tuned_values(storage_url, "tiny", runs(plans))[0].values == best.params
    stored.set_user_attr(CONFIRMED, [{**each, "values": [0.1, float("inf")]} for each in noted])
    with pytest.raises(BadInput, match="no trial that trained to the end on every fresh seed"):
        tuned_values(storage_url, "tiny", runs(plans))
    stored.add_trial(
        create_trial(
            state=TrialState.COMPLETE, value=0.0, params={**best.params, "lr": 0.1}, distributions=best.distributions
        )
    )
    with pytest.raises(BadInput, match="has had better trials since its best were confirmed"):
        tuned_values(storage_url, "tiny", runs(plans))
