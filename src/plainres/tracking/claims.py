"""Says to all that write to a store who trains a run, and how far that is: advice, by which nobody is bound.

An MLflow run that is RUNNING and has the tag of progress is the claim of one process to train a configuration, and no
other process writes to it. Its count of steps grows while the process gets on. Who sees a claim leaves the run for
later; who sees that it doesn't grow trains the run too. Two that train the same get the same values but for
rounding, so that this costs time and nothing else. No two machines' clocks are compared.
"""

import time
from collections.abc import Collection, Mapping

from mlflow.entities import Run

from plainres.names import ATTEMPT_TAG, CONFIG_HASH_TAG, GENERATION_TAG, PROGRESS_TAG
from plainres.settings import RunConfig
from plainres.tracking.runs import Experiment

SECONDS_BETWEEN_SIGNS = 10.0
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_WITHOUT_PROGRESS = 60.0  # after which nobody waits any more for who claims a run
LOOKS_TO_SETTLE, SECONDS_TO_SETTLE = 5, 0.5  # for those who claim at the same moment


def claims_of_others(experiment: Experiment, config: RunConfig, attempt: str, generation: str = "") -> dict[str, str]:
    """Find who else says that they train this: their runs' ids, each with its progress.

    Args:
        experiment, config: what is trained.
        attempt: this process's own journal's, empty if it has none.
        generation: a fresh sweep's, to which other sweeps' runs are none; empty for others.
    """
    of_generation = f" AND tags.{GENERATION_TAG} = '{generation}'" if generation else ""
    claims: list[Run] = experiment.client.search_runs(
        [experiment.experiment_id],
        f"attributes.status = 'RUNNING' AND tags.{CONFIG_HASH_TAG} = '{config.config_hash}' "
        f"AND tags.{PROGRESS_TAG} LIKE '%'{of_generation}",
    )
    return {
        claim.info.run_id: claim.data.tags[PROGRESS_TAG]
        for claim in claims
        if claim.data.tags.get(ATTEMPT_TAG) != attempt
    }


def gives_way(
    experiment: Experiment, config: RunConfig, attempt: str, run_id: str, ignored: Collection[str], generation: str = ""
) -> bool:
    """Tell whether to leave the run to another process, now that the own claim is there for all to see.

    Of two that claim at the same moment at least one sees the other's claim. Those in `ignored` don't count.
    """
    for _ in range(LOOKS_TO_SETTLE):
        others = claims_of_others(experiment, config, attempt, generation).keys() - set(ignored)
        if not others:
            return False
        if min(others) < run_id:
            return True
        time.sleep(SECONDS_TO_SETTLE)  # they give way, unless they were here first
    return True


class Watch:
    """Notices whether those who train something get on, by this process's clock."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def is_moving(self, progress: Mapping[str, str]) -> bool:
        """Take in how far each is now; returns whether any may still be at work."""
        now = time.monotonic()
        self._seen = {each: self._seen.get(each, now) for each in progress.items()}
        return any(now - since < SECONDS_WITHOUT_PROGRESS for since in self._seen.values())
