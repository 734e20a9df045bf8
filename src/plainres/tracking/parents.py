"""Keeps the parent run of a sweep: what was asked for, which runs belong to it, and whose networks it needs no more."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.entities import Run, RunTag, ViewType
from mlflow.utils import get_results_from_paginated_fn

from plainres.names import (
    ASKED_TAG,
    ATTEMPT_TAG,
    EXPORTED_FILE,
    GENERATION_TAG,
    MARGIN_TAG,
    MEMBER_TAG,
    MEMBER_TAGS,
    MODEL_FILE,
    PAGE_FILE,
    REPLACED_TAG,
    REPORT_TAG,
    SETTINGS_TAG,
    SWEEP_HASH_TAG,
)
from plainres.settings import RunConfig
from plainres.tracking.artifacts import artifact_sizes, delete_artifact
from plainres.tracking.database import opening_store
from plainres.tracking.outages import making_once
from plainres.tracking.runs import Experiment, log_batches, log_params, run_or_none
from plainres.tracking.source import Source

PARENTS_A_PAGE = 1000


@dataclass(frozen=True)
class Parent:
    """Holds the parent run of a sweep; to a fresh one, which has a `generation`, only runs trained for it belong."""

    run_id: str
    generation: str
    finished: bool
    noted: dict[str, str] = field(compare=False)
    """Its tags as far as they are known here: of 10,000 members they take long to read."""

    @property
    def tags(self) -> dict[str, str]:
        """Give the tags that its runs have too."""
        return {GENERATION_TAG: self.generation} if self.generation else {}


def open_parent(
    experiment: Experiment,
    sweep_hash: str,
    params: Mapping[str, str],
    source: Source,
    *,
    fresh: bool,
    settings_hash: str = "",
) -> Parent:
    """Take up the current parent run of the same sweep, noting when, or make a new one.

    A fresh sweep's takes the place of those before it, and notes so with them: machines' clocks may differ.
    """
    client = experiment.client
    with opening_store(experiment.tracking_uri):
        before = client.search_runs(
            [experiment.experiment_id],
            f"tags.{SWEEP_HASH_TAG} = '{sweep_hash}'",
            ViewType.ACTIVE_ONLY,
            order_by=["attributes.start_time DESC"],
        )
        run = None if fresh else _current(before)
        if run:
            client.set_tag(run.info.run_id, ASKED_TAG, str(time.time_ns() // 10**6))
        else:
            own = {GENERATION_TAG: uuid.uuid4().hex if fresh else "", SETTINGS_TAG: settings_hash}
            tags = {SWEEP_HASH_TAG: sweep_hash, **source.tags, **{tag: text for tag, text in own.items() if text}}
            run = client.create_run(experiment.experiment_id, run_name=f"sweep-{sweep_hash[:6]}", tags=tags)
            for replaced in before:
                client.set_tag(replaced.info.run_id, REPLACED_TAG, run.info.run_id)
        if not run.data.params:  # a new one, or one whose maker died before this
            log_params(client, run.info.run_id, params)
    tags = dict(run.data.tags)
    return Parent(run.info.run_id, tags.get(GENERATION_TAG, ""), run.info.status == "FINISHED", tags)


def _current(parents: Sequence[Run]) -> Run | None:
    """The one that none of the others has replaced, the newest if there are several."""
    there = {run.info.run_id for run in parents}
    standing = [run for run in parents if run.data.tags.get(REPLACED_TAG) not in there]
    return next(iter(standing or parents), None)


def parents_in(client: MlflowClient, experiment_ids: Sequence[str]) -> list[Run]:
    """Read the parent runs of all sweeps of some experiments, the last begun first."""
    found: list[Run] = get_results_from_paginated_fn(  # type: ignore[no-untyped-call]
        lambda number, token: client.search_runs(
            list(experiment_ids),
            f"tags.{SWEEP_HASH_TAG} LIKE '%'",
            order_by=["attributes.start_time DESC"],
            max_results=number,
            page_token=token,
        ),
        PARENTS_A_PAGE,
    )
    return found


def add_members(experiment: Experiment, parent: Parent, runs: Iterable[tuple[RunConfig, str]]) -> None:
    """Note on the parent run that these finished runs, its children or an earlier sweep's, belong to its sweep.

    A report that was made without one of them counts no longer.
    """
    client = experiment.client
    asked = {MEMBER_TAG + config.config_hash: f"{run_id} {config.name}" for config, run_id in runs}
    noted = set(parent.noted.values())
    new = {tag: text for tag, text in asked.items() if text not in noted}
    if new:
        making_once(lambda: client.set_tag(parent.run_id, REPORT_TAG, ""))
    log_batches(client, parent.run_id, tags=[RunTag(tag, text) for tag, text in new.items()])
    parent.noted.update(new)


def members_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Read the ids of a sweep's runs out of its parent run's tags, by their names as `plain-34-seed0`."""
    members = {}
    for tag, text in tags.items():
        if tag.startswith(MEMBER_TAGS):
            run_id, _, name = text.partition(" ")
            members[name or tag.partition("run.")[2]] = run_id  # the tag held the name before there were arms
    return members


def has_report(experiment: Experiment, parent_run_id: str, margin: float) -> bool:
    """Tell whether the stored report covers every member, is whole, and judges by this margin in percentage points."""
    tags = experiment.client.get_run(parent_run_id).data.tags
    if not tags.get(REPORT_TAG) or tags.get(MARGIN_TAG) != f"{margin:g}":
        return False
    sizes = artifact_sizes(experiment.tracking_uri, parent_run_id)
    return PAGE_FILE in sizes and all(sizes.values())


def prune_networks(experiment: Experiment) -> tuple[int, int]:
    """Delete the networks of runs that belong to superseded sweeps alone; returns their number and their bytes.

    Such a run counts as finished no longer: a sweep that needs it trains it anew.
    """
    parents = parents_in(experiment.client, [experiment.experiment_id])
    there = {parent.info.run_id for parent in parents}
    kept, superseded = set[str](), set[str]()
    for parent in parents:
        is_superseded = parent.data.tags.get(REPLACED_TAG) in there
        (superseded if is_superseded else kept).update(members_of(parent.data.tags).values())
    runs, freed = 0, 0
    for run_id in sorted(superseded - kept):
        run = run_or_none(experiment, run_id)
        if run and ATTEMPT_TAG in run.data.tags:
            freed += sum(delete_artifact(experiment.tracking_uri, run_id, name) for name in (MODEL_FILE, EXPORTED_FILE))
            experiment.client.delete_tag(run_id, ATTEMPT_TAG)  # at last, so that who is interrupted begins here again
            runs += 1
    return runs, freed
