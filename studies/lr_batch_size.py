"""Which learning rate, batch size and weight decay suit each network? `python -m studies.lr_batch_size --help`."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from plainres.checkpoint_flags import CheckpointFlags
from plainres.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.config import identified
from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.running.jobs import check_jobs, default_jobs
from plainres.settings import Settings
from plainres.tracking.shown import without_credentials
from plainres.tracking.store import check_experiment_name, check_store, tracking_uri
from plainres.tuning.definition import DEFAULT_PREFIX, StudyPlan, plan_studies
from plainres.tuning.search import Search
from plainres.tuning.storage import DEFAULT_STORAGE, check_storage, check_studies

PROGRAM = "uv run python -m studies.lr_batch_size"


@dataclass(frozen=True)
class Flags:
    """Tune learning rate and batch size of plain and residual networks, each in studies of its own, all alike.

    The recipe's values (or those of --lr and --batch-size) are the first trial. Started again, studies go
    on where they stopped; started several times at once, in terminals or on machines that share a storage, the work
    is shared. Exit code: 0 finished, 1 a trial failed, 2 bad input, 130 interrupted.
    """

    depths: tuple[int, ...] = (18, 34, 50)
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    arms: tuple[str, ...] = ("plain", "residual")
    """What is tuned: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C."""
    trials: int = 20
    """Of each study in total, those of earlier starts and of other machines included."""
    studies: int = 1
    """Of each network, with draws and seeds of their own: how far they lead apart is how much luck there is."""
    confirm: Annotated[int | None, with_default("none", "INT")] = None
    """Train so many of each study's best trials again, on three fresh seeds; the best mean wins."""
    search: tuple[str, ...] = ("lr", "batch_size")
    """What is searched: any of lr, batch_size and weight_decay."""
    lr_range: tuple[float, float] = (1e-3, 1.0)
    """Lowest and highest learning rate, searched log-uniformly."""
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    """Batch sizes that are tried."""
    weight_decay_range: tuple[float, float] = (1e-6, 1e-2)
    """Lowest and highest weight decay, searched log-uniformly."""
    budget: str = "epochs"
    """What trials of all batch sizes have in common: epochs, so that they see the same number of images, or steps."""
    objective: str = "train_loss"
    """Minimised: train_loss, train_error, validation_loss or validation_error. The test split never counts."""
    pruner: str = "median"
    """Stops trials that do badly early on: median, hyperband, or none to train all of them to the end."""
    pruner_warmup: Annotated[int | None, with_default("a third of the epochs", "INT")] = None
    """Epochs that every trial trains before it can be pruned."""
    sampler: str = "tpe"
    """Draws the trials: tpe, which goes by those before, random, or qmc (quasi-random, a scrambled Sobol sequence)."""
    sampler_seed: int = 0
    """Of the draws; the same for every network."""
    seed: int = 0
    """Of initial weights and order of the images in every trial of a first study; later ones have their own."""
    storage: str = DEFAULT_STORAGE
    """Database of the studies: sqlite:///FILE, postgresql://USER@HOST/DATABASE or another SQLAlchemy URL."""
    study_name: str = DEFAULT_PREFIX
    """What the studies' names begin with; data set and network follow."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = None
    """Trials trained side by side by this command."""
    experiment_name: str = "lr_batch_size"
    """MLflow experiment that the runs belong to."""
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then tune."""
    search = Search(
        lr_range=flags.lr_range,
        batch_sizes=flags.batch_sizes,
        objective=flags.objective,
        pruner=flags.pruner,
        pruner_warmup=flags.pruner_warmup,
        sampler_seed=flags.sampler_seed,
        searched=flags.search,
        weight_decay_range=flags.weight_decay_range,
        sampler=flags.sampler,
        budget=flags.budget,
    )

    def plan(settings: dict[str, Any]) -> tuple[StudyPlan, ...]:
        return plan_studies(
            flags.arms, flags.depths, flags.seed,
            prefix=flags.study_name, search=search, settings=settings, studies=flags.studies,
        )  # fmt: skip

    plan(flags.run.values)
    if flags.trials < 1:
        raise BadInput(f"trials {flags.trials} is below 1")
    if flags.confirm is not None and not 1 <= flags.confirm <= flags.trials:
        raise BadInput(f"confirm {flags.confirm} is outside 1 to {flags.trials}, the trials of a study")
    check_jobs(flags.jobs)
    check_experiment_name(flags.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    check_storage(flags.storage)
    return tune(plan(identified(flags.run)), flags, uri, flags.checkpoints.root(uri))


def tune(plans: tuple[StudyPlan, ...], flags: Flags, uri: str, checkpoints: Path) -> int:
    """Run the studies, then print what they came to."""
    from optuna.exceptions import StorageInternalError

    from plainres.running.job import Job
    from plainres.running.local_launcher import LocalLauncher
    from plainres.terminal import console
    from plainres.tracking.runs import open_experiment
    from plainres.tracking.source import current_source
    from plainres.tracking.store import browse_hint
    from plainres.tuning.run_studies import run_studies
    from plainres.tuning.study_table import remarks, study_table, values_text
    from plainres.tuning.trial_workers import WorkersFail

    screen = console()
    if facts_of(flags.run.dataset).needs_files:
        from plainres.data import dataset_of

        for plan in plans:
            for batch_size in flags.batch_sizes if "batch_size" in flags.search else ():
                dataset_of(plan.trial_config({"batch_size": batch_size}))  # before anything is written
    if plans[0].first_trial is None:
        values = {name: getattr(plans[0].config, name) for name in flags.search}
        screen.print(
            f"The recipe ({values_text(values)}) is outside the space: no trial has its values.", soft_wrap=True
        )
    check_studies(plans, flags.storage)
    experiment = open_experiment(uri, flags.experiment_name)
    job = Job(experiment, None, "", current_source(), checkpoints, flags.checkpoints.checkpoint_every)
    jobs = flags.jobs or default_jobs(plans[0].config.device, plans[0].config.threads)
    try:
        states = run_studies(
            plans, flags.trials, flags.storage, job, LocalLauncher(jobs), screen, to_confirm=flags.confirm or 0
        )
    except WorkersFail as error:
        print(f"failed: {error}", file=sys.stderr)
        return RUN_FAILED
    except StorageInternalError:
        lost = f"storage {without_credentials(flags.storage)} was lost; the same command goes on when it is back"
        print(f"failed: {lost}", file=sys.stderr)
        return RUN_FAILED
    screen.print(study_table(states))
    for line in remarks(states):
        screen.print(line, soft_wrap=True)
    failures = [f"{state.plan.label}: {reason}" for state in states for reason in (*state.failures, *state.unconfirmed)]
    for line in failures:
        screen.print(f"failed: {line}", soft_wrap=True)
    screen.print(f"\nStudies: {without_credentials(flags.storage)}", soft_wrap=True)
    screen.print(f"Browse: {browse_hint(uri, experiment.experiment_id)}", soft_wrap=True)
    return RUN_FAILED if failures else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
