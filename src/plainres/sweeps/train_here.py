"""Train a sweep by processes of this machine."""

from pathlib import Path

from plainres.data import dataset_of
from plainres.data.catalogue import facts_of
from plainres.running.jobs import default_jobs
from plainres.running.local_launcher import LocalLauncher
from plainres.sweeps.plan import Sweep
from plainres.sweeps.run_sweep import run_sweep
from plainres.terminal import console
from plainres.tracking.outages import reaching_store
from plainres.tracking.parents import has_report
from plainres.tracking.runs import open_experiment


def train_here(
    sweep: Sweep,
    uri: str,
    experiment_name: str,
    *,
    jobs: int | None,
    fresh: bool,
    checkpoints: Path,
    checkpoint_every: int,
) -> tuple[str, bool]:
    """Train what the store lacks of a sweep, so many runs side by side, by default as many as the machine is fit for.

    Returns:
        The id of the sweep's parent run, and whether a report that covers every run is stored with it.

    Raises:
        BadInput: the images' files are missing or can't be read; nothing is written then.
        StoreAway: the store went away and isn't back.
    """
    config = sweep.configs[0]
    if facts_of(config.dataset).needs_files:
        dataset_of(config)
    experiment = open_experiment(uri, experiment_name)
    parent_run_id = run_sweep(
        sweep,
        experiment,
        launcher=LocalLauncher(jobs or default_jobs(config.device, config.threads)),
        fresh=fresh,
        console=console(),
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
    )
    with reaching_store():
        return parent_run_id, has_report(experiment, parent_run_id)
