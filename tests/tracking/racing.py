"""Processes that claim the same run at the same moment."""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from uuid import uuid4

from plainres.settings import RunConfig
from plainres.tracking.claims import gives_way
from plainres.tracking.runs import Experiment


def race(experiment: Experiment, configs: Sequence[RunConfig], barrier: Barrier, result: Connection) -> None:
    """Claim each run when all do, and send which were kept; who gives way takes the claim back."""
    kept = []
    for config in configs:
        attempt = uuid4().hex
        barrier.wait()
        tags = {"config_hash": config.config_hash, "attempt": attempt, "progress": "0"}
        run_id = experiment.client.create_run(experiment.experiment_id, tags=tags).info.run_id
        kept.append(not gives_way(experiment, config, attempt, run_id, ()))
        if not kept[-1]:
            experiment.client.delete_run(run_id)
    result.send(kept)
