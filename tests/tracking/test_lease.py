"""One process holds the lease of a run, whatever the clocks say, and another takes over when it is gone."""

from collections.abc import Callable

import pytest

from plainres.settings import RunConfig
from plainres.system.processes import without_main, worker_context
from plainres.tracking import lease
from plainres.tracking.lease import GivesWay, Lease, Watch, sign
from plainres.tracking.runs import Experiment, open_experiment
from tests.tracking.racing import race

RACERS, ROUNDS = 3, 8


@pytest.fixture
def experiment(store: str) -> Experiment:
    return open_experiment(store, "somewhere")


def claim(experiment: Experiment, config: RunConfig, attempt: str, **tags: str) -> str:
    """A run that claims the lease, as one whose process is at work or gone leaves it."""
    tags = {"config_hash": config.config_hash, "attempt": attempt, "lease": sign(), **tags}
    return str(experiment.client.create_run(experiment.experiment_id, tags=tags).info.run_id)


@pytest.mark.slow
@pytest.mark.parametrize("through", ["store", "postgresql"], ids=["SQLite", "PostgreSQL"])
def test_of_processes_that_claim_at_the_same_moment_one_gets_the_lease(
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
    won = [ours.recv() for ours, _ in pipes]
    for racer in racers:
        racer.join()
    winners = [sum(of_round) for of_round in zip(*won, strict=True)]
    assert max(winners) == 1
    assert winners.count(1) > ROUNDS / 2  # where a machine is slow, all may give way, and try again


def test_who_comes_later_gives_way_however_the_ids_are_ordered(
    experiment: Experiment, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SECONDS_TO_SETTLE", 0.01)
    holder = Lease(experiment, tiny(), attempts=["first"])
    assert holder.stands(claim(experiment, tiny(), "first"))
    for number in range(8):  # some of whose ids are lower
        attempt = f"later {number}"
        later, run_id = Lease(experiment, tiny(), attempts=[attempt]), claim(experiment, tiny(), attempt)
        assert not later.stands(run_id)
        experiment.client.delete_run(run_id)
    assert Lease(experiment, tiny(seed=1), attempts=["x"]).stands(claim(experiment, tiny(seed=1), "x"))


def test_a_run_that_was_finished_just_before_the_claim_is_not_trained_again(
    experiment: Experiment, tiny: Callable[..., RunConfig]
) -> None:
    experiment.client.set_terminated(claim(experiment, tiny(), "first", generation="fresh"))
    assert not Lease(experiment, tiny(), attempts=["late"]).stands(claim(experiment, tiny(), "late"))
    assert not Lease(experiment, tiny(), "fresh", ["also"]).stands(claim(experiment, tiny(), "also"))


def test_what_the_same_folder_left_is_no_obstacle_and_ends(
    experiment: Experiment, tiny: Callable[..., RunConfig]
) -> None:
    left = claim(experiment, tiny(), "before")
    own = Lease(experiment, tiny(), attempts=["before", "now"])
    assert own.others() == {}
    assert own.stands(claim(experiment, tiny(), "now"))
    assert experiment.client.get_run(left).info.status == "KILLED"


def test_signs_of_life_keep_a_claim_and_silence_loses_it(
    experiment: Experiment, tiny: Callable[..., RunConfig]
) -> None:
    holder, run_id = Lease(experiment, tiny(), attempts=["holder"]), claim(experiment, tiny(), "holder")
    assert holder.stands(run_id)
    other, watch = Lease(experiment, tiny(), attempts=["other"]), Watch()
    for _ in range(3 * lease.LOOKS_OF_SILENCE):
        assert watch.silent(other.others()) == []
        holder.renew()
    holder.check()
    looks = 0
    while not watch.silent(other.others()):
        looks += 1
    assert looks == lease.LOOKS_OF_SILENCE
    other.revoke(run_id)
    assert other.stands(claim(experiment, tiny(), "other"))
    holder.renew()  # as one whose machine has slept does when it wakes
    with pytest.raises(GivesWay):
        holder.check()


def test_silence_while_the_store_was_away_does_not_count() -> None:
    watch = Watch()
    for _ in range(3):
        assert not any(watch.silent({"run": "sign"}) for _ in range(lease.LOOKS_OF_SILENCE))
        watch.forget()


def test_signs_are_shown_from_a_thread_while_the_run_is_trained(
    experiment: Experiment, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_SIGNS", 0.01)
    holder, run_id = Lease(experiment, tiny(), attempts=["holder"]), claim(experiment, tiny(), "holder")
    other = Lease(experiment, tiny(), attempts=["other"])
    with holder.kept():
        assert holder.stands(run_id)
        seen = {other.others()[run_id] for _ in range(50)}
    assert len(seen) > 1
