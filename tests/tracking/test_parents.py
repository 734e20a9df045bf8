import pytest

from plainres.names import MEMBER_TAGS
from plainres.sweeps.configure import configure
from plainres.tracking.parents import add_members, members_of, open_parent
from plainres.tracking.runs import Experiment, open_experiment
from plainres.tracking.source import Source

SOURCE = Source("0123abc", "")
YEAR_3000 = 32_503_680_000_000  # ms since 1970


@pytest.fixture
def experiment(store: str) -> Experiment:
    return open_experiment(store, "somewhere")


def test_a_sweep_is_taken_up_again_by_its_parent(experiment: Experiment) -> None:
    first = open_parent(experiment, "hash", {"seeds": "0 1"}, SOURCE, fresh=False)
    assert open_parent(experiment, "hash", {"seeds": "0 1"}, SOURCE, fresh=False) == first
    assert open_parent(experiment, "other", {}, SOURCE, fresh=False).run_id != first.run_id


def test_a_fresh_sweep_takes_the_place_of_one_that_is_dated_in_the_future(experiment: Experiment) -> None:
    old = experiment.client.create_run(experiment.experiment_id, YEAR_3000, {"sweep_hash": "hash"})
    assert open_parent(experiment, "hash", {}, SOURCE, fresh=False).run_id == old.info.run_id
    fresh = open_parent(experiment, "hash", {}, SOURCE, fresh=True)
    assert fresh.run_id != old.info.run_id
    assert fresh.generation
    assert open_parent(experiment, "hash", {}, SOURCE, fresh=False) == fresh
    fresher = open_parent(experiment, "hash", {}, SOURCE, fresh=True)
    assert fresher.generation != fresh.generation
    assert open_parent(experiment, "hash", {}, SOURCE, fresh=False) == fresher


def test_a_sweep_whose_fresh_successor_was_deleted_counts_again(experiment: Experiment) -> None:
    first = open_parent(experiment, "hash", {}, SOURCE, fresh=False)
    fresh = open_parent(experiment, "hash", {}, SOURCE, fresh=True)
    experiment.client.delete_run(fresh.run_id)
    assert open_parent(experiment, "hash", {}, SOURCE, fresh=False) == first


def test_the_runs_of_a_sweep_are_read_as_stores_of_before_name_them(experiment: Experiment) -> None:
    config = configure("plain", 18)
    parent = open_parent(experiment, "hash", {}, SOURCE, fresh=False)
    experiment.client.set_tag(parent.run_id, f"run.{config.config_hash}", "1f2e plain-18-seed0")
    parent = open_parent(experiment, "hash", {}, SOURCE, fresh=False)
    add_members(experiment, parent, [(config, "1f2e"), (configure("plain", 34), "3d4c")])
    tags = experiment.client.get_run(parent.run_id).data.tags
    assert members_of(tags) == {"plain-18-seed0": "1f2e", "plain-34-seed0": "3d4c"}
    assert len([tag for tag in tags if tag.startswith(MEMBER_TAGS)]) == 2  # none is there twice
    assert members_of({"run.plain-18-seed0": "1f2e"}) == {"plain-18-seed0": "1f2e"}  # before there were arms
