"""Which learning rate, batch size and weight decay suit each network? `python -m studies.lr_batch_size --help`."""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.cli.checkpoint_flags import CheckpointFlags
from plainres.cli.command_line import FINISHED, RUN_FAILED, recipe_settings, run_command, with_default
from plainres.errors import StudiesFail, without_credentials
from plainres.settings import LaunchSettings, Settings
from plainres.workflows.tune import StudyRequest, StudyResults, carry_out_studies

if TYPE_CHECKING:
    from rich.console import Console

PROGRAM = "uv run python -m studies.lr_batch_size"


@dataclass(frozen=True)
class Flags:
    """Tune learning rate and batch size of plain and residual networks, each in studies of its own, all alike.

    The recipe's values (or those of --lr and --batch-size) are the first trial. Started again, studies go
    on where they stopped; started several times at once, in terminals or on machines that share a storage, the work
    is shared. Exit code: 0 finished, 1 a trial failed, 2 bad input, 130 interrupted.
    """

    depths: tuple[int, ...] = StudyRequest.depths
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    arms: tuple[str, ...] = StudyRequest.arms
    """What is tuned: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C."""
    trials: int = StudyRequest.trials
    """Of each study in total, those of earlier starts and of other machines included."""
    studies: int = StudyRequest.studies
    """Of each network, with draws and seeds of their own: how far they lead apart is how much luck there is."""
    confirm: Annotated[int | None, with_default("none", "INT")] = StudyRequest.confirm
    """Train so many of each study's best trials again, on three fresh seeds; the best mean wins."""
    search: tuple[str, ...] = StudyRequest.search
    """What is searched: any of lr, batch_size and weight_decay."""
    lr_range: tuple[float, float] = StudyRequest.lr_range
    """Lowest and highest learning rate, searched log-uniformly."""
    batch_sizes: tuple[int, ...] = StudyRequest.batch_sizes
    """Batch sizes that are tried."""
    weight_decay_range: tuple[float, float] = StudyRequest.weight_decay_range
    """Lowest and highest weight decay, searched log-uniformly."""
    budget: str = StudyRequest.budget
    """What trials of all batch sizes have in common: epochs, so that they see the same number of images, or steps."""
    objective: str = StudyRequest.objective
    """Minimised: train_loss, train_error, validation_loss or validation_error. The test split never counts."""
    pruner: str = StudyRequest.pruner
    """Stops trials that do badly early on: median, hyperband, or none to train all of them to the end."""
    pruner_warmup: Annotated[int | None, with_default("a third of the epochs", "INT")] = StudyRequest.pruner_warmup
    """Epochs that every trial trains before it can be pruned."""
    sampler: str = StudyRequest.sampler
    """Draws the trials: tpe, which goes by those before, random, or qmc (quasi-random, a scrambled Sobol sequence)."""
    sampler_seed: int = StudyRequest.sampler_seed
    """Of the draws; the same for every network."""
    seed: int = StudyRequest.seed
    """Of initial weights and order of the images in every trial of a first study; later ones have their own."""
    storage: str = StudyRequest.storage
    """Database of the studies: sqlite:///FILE, postgresql://USER@HOST/DATABASE or another SQLAlchemy URL."""
    study_name: str = StudyRequest.study_name
    """What the studies' names begin with; data set and network follow."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = StudyRequest.jobs
    """Trials trained side by side by this machine."""
    experiment_name: str = StudyRequest.experiment_name
    """MLflow experiment that the runs belong to."""
    launch: Annotated[LaunchSettings, tyro.conf.arg(name="")] = field(default_factory=LaunchSettings)
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


def main(flags: Flags) -> int:
    """Tune, then print what the studies came to."""
    from plainres.screen.console import console

    request = StudyRequest(
        depths=flags.depths,
        arms=flags.arms,
        trials=flags.trials,
        studies=flags.studies,
        confirm=flags.confirm,
        search=flags.search,
        lr_range=flags.lr_range,
        batch_sizes=flags.batch_sizes,
        weight_decay_range=flags.weight_decay_range,
        budget=flags.budget,
        objective=flags.objective,
        pruner=flags.pruner,
        pruner_warmup=flags.pruner_warmup,
        sampler=flags.sampler,
        sampler_seed=flags.sampler_seed,
        seed=flags.seed,
        storage=flags.storage,
        study_name=flags.study_name,
        settings=flags.run.values,
        launch=flags.launch,
        jobs=flags.jobs,
        experiment_name=flags.experiment_name,
        checkpoint_every=flags.checkpoints.checkpoint_every,
        checkpoint_dir=flags.checkpoints.checkpoint_dir,
    )
    screen = console()
    try:
        results = carry_out_studies(request, screen)
    except StudiesFail as error:
        print(f"failed: {error}", file=sys.stderr)
        return RUN_FAILED
    return report(results, screen)


def report(results: StudyResults, screen: "Console") -> int:
    """Print the table of the studies, what to know of them, what failed, and where to look further."""
    from plainres.tracking.store import browse_hint
    from plainres.tuning.study_table import remarks, study_table

    screen.print(study_table(results.states))
    for line in remarks(results.states):
        screen.print(line, soft_wrap=True)
    for line in results.failures:
        screen.print(f"failed: {line}", soft_wrap=True)
    screen.print(f"\nStudies: {without_credentials(results.storage)}", soft_wrap=True)
    browse = browse_hint(results.tracking_uri, results.experiment_id)
    screen.print(f"Browse: {browse}", soft_wrap=True)
    return RUN_FAILED if results.failures else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
