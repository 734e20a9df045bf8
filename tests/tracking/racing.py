"""Processes that want the lease of the same run at the same moment."""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from plainres.settings import RunConfig
from plainres.tracking.lease import Lease, sign
from plainres.tracking.runs import Experiment


def race(experiment: Experiment, configs: Sequence[RunConfig], barrier: Barrier, result: Connection) -> None:
    """Claim each run when all do, and send which were won; a lost claim is taken back, a won one stays."""
    won = []
    for config in configs:
        lease, attempt = Lease(experiment, config), sign()
        lease.attempts.add(attempt)
        barrier.wait()
        tags = {"config_hash": config.config_hash, "attempt": attempt, "lease": sign()}
        run_id = experiment.client.create_run(experiment.experiment_id, tags=tags).info.run_id
        won.append(lease.stands(run_id))
        if not won[-1]:
            experiment.client.delete_run(run_id)
    result.send(won)
