"""The parent run of a sweep: what was asked for, and which runs belong to it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlflow.entities import Param, RunTag

from plainres.config import RunConfig
from plainres.names import COMMIT_TAG, MEMBER_TAG, REPORT_TAG, SINCE_TAG, SWEEP_HASH_TAG
from plainres.tracking.lock import opening_store
from plainres.tracking.runs import Experiment
from plainres.tracking.source import Source

LONGEST_PARAM = 6000  # characters, that MLflow keeps of one
TAGS_A_BATCH = 100  # the most that MLflow takes in one log_batch


@dataclass(frozen=True)
class Parent:
    """The parent run of a sweep; of a fresh one, only runs that started after `since` (ms) belong to it."""

    run_id: str
    since: int
    finished: bool


def open_parent(
    experiment: Experiment, sweep_hash: str, params: Mapping[str, str], source: Source, *, fresh: bool
) -> Parent:
    """The parent run of a sweep: the newest of the same sweep taken up again, or a new one."""
    client = experiment.client
    with opening_store(experiment.tracking_uri):
        found = client.search_runs(
            [experiment.experiment_id],
            f"tags.{SWEEP_HASH_TAG} = '{sweep_hash}'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        if found and not fresh:
            run = found[0]
        else:
            since = round(time.time() * 1000) if fresh else 0
            tags = {SWEEP_HASH_TAG: sweep_hash, COMMIT_TAG: source.commit, SINCE_TAG: str(since)}
            run = client.create_run(experiment.experiment_id, run_name=f"sweep-{sweep_hash[:6]}", tags=tags)
        if not run.data.params:  # a new one, or one whose maker died before this
            client.log_batch(run.info.run_id, params=[Param(name, text) for name, text in _in_parts(params)])
    return Parent(run.info.run_id, int(run.data.tags[SINCE_TAG]), run.info.status == "FINISHED")


def add_members(experiment: Experiment, parent_run_id: str, runs: Iterable[tuple[RunConfig, str]]) -> None:
    """Note on the parent run that these finished runs, its children or an earlier sweep's, belong to its sweep.

    A report that was made without one of them counts no longer.
    """
    client = experiment.client
    known = client.get_run(parent_run_id).data.tags
    asked = {MEMBER_TAG + config.config_hash: f"{run_id} {config.name}" for config, run_id in runs}
    new = [RunTag(tag, text) for tag, text in asked.items() if known.get(tag) != text]
    if new:
        client.set_tag(parent_run_id, REPORT_TAG, "")
    for start in range(0, len(new), TAGS_A_BATCH):
        client.log_batch(parent_run_id, tags=new[start : start + TAGS_A_BATCH])


def members_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The ids of the runs that belong to a sweep, by their names as `plain-34-seed0`, out of its parent run's tags."""
    members = {}
    for tag, text in tags.items():
        if tag.startswith(MEMBER_TAG):
            run_id, _, name = text.partition(" ")
            members[name or tag.removeprefix(MEMBER_TAG)] = run_id  # the tag held the name before there were arms
    return members


def whole_params(params: Mapping[str, str]) -> dict[str, str]:
    """A parent run's parameters, with those that were stored in parts put together."""
    whole: dict[str, str] = {}
    for name, text in sorted(params.items(), key=lambda item: (item[0].partition("/")[0], len(item[0]), item[0])):
        first, _, part = name.partition("/")
        whole[first] = whole[first] + text if part else text
    return whole


def has_report(experiment: Experiment, parent_run_id: str) -> bool:
    """Whether the stored report covers every member."""
    return bool(experiment.client.get_run(parent_run_id).data.tags.get(REPORT_TAG))


def _in_parts(params: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Parameters under names of their own for each part that MLflow keeps whole: `seeds`, `seeds/2`, `seeds/3`."""
    for name, text in params.items():
        for number, start in enumerate(range(0, max(1, len(text)), LONGEST_PARAM), start=1):
            yield (name if number == 1 else f"{name}/{number}"), text[start : start + LONGEST_PARAM]
