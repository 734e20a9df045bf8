"""Deletes the trained networks of sweeps that a fresh one has superseded; what was measured of them stays."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow.entities import Run

from plainres.names import ATTEMPT_TAG, EXPORTED_FILE, MODEL_FILE, REPLACED_TAG, SWEEP_HASH_TAG
from plainres.tracking.artifacts import delete_artifact
from plainres.tracking.parents import members_of
from plainres.tracking.runs import Experiment, run_or_none


@dataclass(frozen=True)
class PrunedNetworks:
    """How many runs have lost their network, and the bytes that these took."""

    runs: int
    freed: int


def prune_networks(experiment: Experiment) -> PrunedNetworks:
    """Delete the networks of runs that belong to superseded sweeps alone; again has no effect.

    Such a run counts as finished no longer: a sweep that needs it trains it anew.
    """
    parents = list(_parents(experiment))
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
    return PrunedNetworks(runs, freed)


def _parents(experiment: Experiment) -> Iterator[Run]:
    token = None
    while True:
        page = experiment.client.search_runs(
            [experiment.experiment_id], f"tags.{SWEEP_HASH_TAG} LIKE '%'", page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return
