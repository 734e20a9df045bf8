"""Of processes that want to train the same run one does; one that doesn't get on holds up nobody for long."""

from collections.abc import Callable

import pytest

from plainres.settings import RunConfig
from plainres.system.processes import without_main, worker_context
from plainres.tracking import claims
from plainres.tracking.claims import Watch, claims_of_others, gives_way
from plainres.tracking.runs import Experiment, open_experiment
from tests.tracking.racing import race

RACERS, ROUNDS = 3, 8


@pytest.fixture
def experiment(store: str) -> Experiment:
    return open_experiment(store, "somewhere")


def claim(experiment: Experiment, config: RunConfig, attempt: str, progress: int = 0) -> str:
    """A run of a process that is at work, or gone."""
    tags = {"config_hash": config.config_hash, "attempt": attempt, "progress": str(progress)}
    return str(experiment.client.create_run(experiment.experiment_id, tags=tags).info.run_id)


@pytest.mark.slow
@pytest.mark.parametrize("through", ["store", "postgresql"], ids=["SQLite", "PostgreSQL"])
def test_of_processes_that_claim_at_the_same_moment_one_trains(
    through: str, request: pytest.FixtureRequest, tiny: Callable[..., RunConfig]
) -> None:
    experiment = open_experiment(request.getfixturevalue(through), "somewhere")
    configs, context = [tiny(seed=seed) for seed in range(ROUNDS)], worker_context()
    barrier, pipes = context.Barrier(RACERS), [context.Pipe() for _ in range(RACERS)]
    racers = [
        context.Process(target=race, args=(experiment, configs, barrier, theirs))  # type: ignore[attr-defined]
        for _, theirs in pipes
    ]
    with without_main():
        for racer in racers:
            racer.start()
    kept = [ours.recv() for ours, _ in pipes]
    for racer in racers:
        racer.join()
    trainers = [sum(of_round) for of_round in zip(*kept, strict=True)]
    assert max(trainers) == 1
    assert trainers.count(1) > ROUNDS / 2  # where a machine is slow, all may give way, and try again


def test_who_comes_later_gives_way_however_the_ids_are_ordered(
    experiment: Experiment, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "SECONDS_TO_SETTLE", 0.01)
    first = claim(experiment, tiny(), "first")
    assert not gives_way(experiment, tiny(), "first", first, ())
    for number in range(8):  # some of whose ids are lower
        attempt = f"later {number}"
        run_id = claim(experiment, tiny(), attempt)
        assert gives_way(experiment, tiny(), attempt, run_id, ())
        assert not gives_way(experiment, tiny(), attempt, run_id, {first})
        experiment.client.delete_run(run_id)
    other = tiny(seed=1)
    assert not gives_way(experiment, other, "x", claim(experiment, other, "x"), ())


def test_the_own_claim_and_those_that_ended_are_none_of_others(
    experiment: Experiment, tiny: Callable[..., RunConfig]
) -> None:
    claim(experiment, tiny(), "own")
    other = claim(experiment, tiny(), "other", progress=12)
    assert claims_of_others(experiment, tiny(), "own") == {other: "12"}
    experiment.client.set_terminated(other, "KILLED")
    assert claims_of_others(experiment, tiny(), "own") == {}


def test_a_fresh_sweep_leaves_other_sweeps_claims_alone(experiment: Experiment, tiny: Callable[..., RunConfig]) -> None:
    tags = {"config_hash": tiny().config_hash, "attempt": "a", "progress": "5", "generation": "fresh"}
    fresh = experiment.client.create_run(experiment.experiment_id, tags=tags).info.run_id
    ordinary = claim(experiment, tiny(), "b")
    assert claims_of_others(experiment, tiny(), "", "fresh").keys() == {fresh}
    assert claims_of_others(experiment, tiny(), "", "another").keys() == set()
    assert claims_of_others(experiment, tiny(), "").keys() == {fresh, ordinary}


def test_who_gets_on_is_waited_for_and_who_does_not_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, watch = 1000.0, Watch()
    monkeypatch.setattr(claims.time, "monotonic", lambda: now)
    for steps in range(10):
        assert watch.is_moving({"one": str(steps), "other": "stands"})
        now += claims.SECONDS_WITHOUT_PROGRESS - 1
    assert not watch.is_moving({"other": "stands"})
    assert watch.is_moving({"one": "9", "other": "stands"})  # seen again
    now += claims.SECONDS_WITHOUT_PROGRESS + 1
    assert not watch.is_moving({"one": "9", "other": "stands"})
    assert not Watch().is_moving({})
