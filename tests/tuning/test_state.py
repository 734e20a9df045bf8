from collections.abc import Callable

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from plainres.screen.clock import time_left
from plainres.tuning.definition import StudyPlan
from plainres.tuning.slots import ORIGINAL
from plainres.tuning.state import study_state
from plainres.tuning.studies_tally import StudiesTally
from plainres.tuning.study_report import trials_table


def test_the_time_left_goes_by_the_epochs_that_were_trained(tiny_plans: Callable[..., tuple[StudyPlan, ...]]) -> None:
    (plan,) = tiny_plans(epochs=10)
    study = optuna.create_study()

    def add(state: TrialState, epochs: int, **attributes: int) -> None:
        values = dict.fromkeys(range(1, epochs + 1), 1.0)
        value = 1.0 if state in (TrialState.COMPLETE, TrialState.PRUNED) else None
        study.add_trial(create_trial(state=state, value=value, intermediate_values=values, system_attrs=attributes))

    add(TrialState.COMPLETE, 10)
    add(TrialState.FAIL, 6)
    seconds = 0
    tally = StudiesTally([study_state(plan, 4, study.trials)], lambda: seconds)
    seconds = 60
    assert time_left(tally.seconds_left([study_state(plan, 4, study.trials)])) == ""
    add(TrialState.PRUNED, 4)
    add(TrialState.RUNNING, 6, **{ORIGINAL: 1})  # goes on from the checkpoint of the one that failed
    state = study_state(plan, 4, study.trials)
    # Trials that ended took 7 epochs on average; of the two that are left one has 6 already.
    assert (state.epochs, state.epochs_underway) == (20, 6)
    assert state.work_left == pytest.approx((2 * 7 - 6) * 8)
    # The four epochs of the pruned one took 60 s.
    assert time_left(tally.seconds_left([state])) == "2:00 left"


def test_trials_of_a_larger_budget_count_where_a_study_is_told_of(
    tiny_plans: Callable[..., tuple[StudyPlan, ...]],
) -> None:
    (plan,) = tiny_plans()
    study = optuna.create_study()
    for value in (3.0, 2.0, None, None, 1.0):  # the third is in training, the fourth has failed
        state = TrialState.COMPLETE if value else TrialState.RUNNING if len(study.trials) == 2 else TrialState.FAIL
        study.add_trial(create_trial(state=state, value=value))
    assert study_state(plan, 2, study.trials).left == 0
    whole = study_state(plan, 2, study.trials)
    assert (len(whole.done), whole.budget, whole.left, whole.failures) == (3, 3, 0, ())
    assert list(trials_table(study.trials, 2)["trial"]) == [0, 1, 4]
    assert whole.best is not None
    assert whole.best.value == 1.0
    assert study_state(plan, 6, study.trials).left == 2
