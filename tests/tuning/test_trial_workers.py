"""Processes that share a study: a real PostgreSQL, and a worker that is killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable

import pytest
from optuna.trial import TrialState

from plainres.running.folders import Job
from plainres.system.processes import follow_parent
from plainres.system.stopping import StopSignal
from plainres.tuning.definition import StudyPlan
from plainres.tuning.run_studies import prepared
from plainres.tuning.slots import slots_of
from plainres.tuning.state import WORKER, study_state
from plainres.tuning.storage import load_study
from plainres.tuning.trial_workers import Order, work
from tests.faults.stored import histories

BUDGET = 8


def work_alone(order: Order, name: str) -> None:
    """A worker of another command, on this machine or elsewhere."""
    follow_parent()
    work(order, name, tell=print, stop=StopSignal())


@pytest.mark.slow
def test_four_processes_share_a_study_and_a_killed_one_leaves_no_gap(
    postgresql: str, job: Job, tiny_plans: Callable[..., tuple[StudyPlan, ...]]
) -> None:
    (plan,) = tiny_plans(epochs=3, batch_sizes=(64, 128))
    with prepared((plan,), BUDGET, postgresql, job) as (storage, order):
        study = load_study(storage, plan)
        # Processes of their own that share the import of torch, which takes longer than the test.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["plainres.tuning.trial"])
        workers = {name: context.Process(target=work_alone, args=(order, name)) for name in "abcd"}
        for process in workers.values():
            process.start()

        killed = None
        deadline = time.monotonic() + 150
        while any(process.is_alive() for process in workers.values()):
            assert time.monotonic() < deadline
            if killed is None:
                for trial in study.get_trials(states=(TrialState.RUNNING,)):
                    if trial.intermediate_values and WORKER in trial.user_attrs:  # in the middle of it
                        killed = trial
                        process_id = workers[trial.user_attrs[WORKER]].pid
                        assert process_id is not None
                        os.kill(process_id, signal.SIGKILL)
                        break
            time.sleep(0.05)

        assert killed is not None
        dead = killed.user_attrs[WORKER]
        assert {name: process.exitcode for name, process in workers.items()} == {
            name: -signal.SIGKILL if name == dead else 0 for name in workers
        }
        trials = study.get_trials()
        state = study_state(plan, BUDGET, trials)
        assert (len(state.done), state.failures, state.running) == (BUDGET, (), 0)
        # Nothing was drawn or trained twice but the one that was killed, which has the same values again.
        assert len({trial.params["lr"] for trial in state.done}) == BUDGET
        (failed,) = [trial for trial in trials if trial.state == TrialState.FAIL]
        assert failed.number == killed.number
        (slot,) = [slot for slot in slots_of(trials, BUDGET) if len(slot.attempts) > 1]
        assert [trial.params for trial in slot.attempts] == [killed.params] * 2
        assert len({trial.user_attrs[WORKER] for trial in state.done}) >= 2
        # Every trial is one run, that of the killed one and of the one that went on with it the same, with every epoch
        # once; and the study knows the epochs of before.
        client = job.experiment.client
        found = histories(job.experiment.tracking_uri, "somewhere")
        assert {run_id for run_id, _ in found.values()} == {trial.user_attrs["run_id"] for trial in state.done}
        for trial in state.done:
            assert client.get_run(trial.user_attrs["run_id"]).info.status == "FINISHED"
            _, history = found[f"plain-8-trial{trial.number}"]
            assert history["loss/train"] == sorted(trial.intermediate_values.items())
            assert len(trial.intermediate_values) == 3
