"""The flags of a command that looks into the networks of a sweep, and the sweep that they ask for, trained."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.cli.checkpoint_flags import CheckpointFlags
from plainres.cli.command_line import FINISHED, RUN_FAILED, recipe_settings, with_default
from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.launchers.choice import begin_imports_of, check_launch, make_launcher
from plainres.settings import LaunchSettings, RunConfig, Settings
from plainres.sweeps.configure import identified
from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.system.garbage import uncollected
from plainres.tracking.store import check_experiment_name, check_store, run_exists, tracking_uri

if TYPE_CHECKING:  # they take a while to import
    from plainres.analysis import SweepResults


@dataclass(frozen=True)
class SweepFlags:
    """Which networks are looked into: those of a sweep, or finished runs of the store."""

    depths: tuple[int, ...] = (18, 34)
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    arms: tuple[str, ...] = ("plain", "residual")
    """What is compared: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of initial weights and order of the images; a run each."""
    finished: Annotated[tuple[str, ...], tyro.conf.arg(name="run", metavar="[RUN_ID ...]")] = ()
    """Train nothing: look into these finished runs, or into those of a sweep whose parent run is named."""
    jobs: Annotated[int | None, with_default("one a core on the CPU, or one a GPU", "INT")] = None
    """Runs trained side by side by this machine."""
    experiment_name: str = "degradation"
    """MLflow experiment that the runs belong to; those that it has, finished, aren't trained again."""
    launch: Annotated[LaunchSettings, tyro.conf.arg(name="")] = field(default_factory=LaunchSettings)
    checkpoints: Annotated[CheckpointFlags, tyro.conf.arg(name="")] = field(default_factory=CheckpointFlags)
    run: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=recipe_settings)


@dataclass(frozen=True)
class MeasuredFlags(SweepFlags):
    """Which networks are measured, and on how many images."""

    images: int = 256
    """Training images that networks are measured on, at most."""

    def __post_init__(self) -> None:
        """Raise BadInput for too few images."""
        if self.images < 2:
            raise BadInput(f"images {self.images} is below 2, the fewest that batch norm can normalise")


def check(flags: SweepFlags, arms: Sequence[str]) -> None:
    """Check what can be checked in an instant; raises BadInput."""
    uri = tracking_uri()
    if flags.finished:
        check_store(uri)
        for run_id in flags.finished:
            if not run_exists(uri, run_id):
                raise BadInput(f"the tracking store has no run {run_id!r}")
        return
    sweep = plan_sweep(arms, flags.depths, flags.seeds, elsewhere=flags.launch.elsewhere, **flags.run.values)
    check_launch(flags.launch, flags.jobs, sweep.configs[0])
    check_experiment_name(flags.experiment_name)
    check_store(uri)
    flags.checkpoints.root(uri)


def sweep_of(flags: SweepFlags, arms: Sequence[str], question: str) -> "SweepResults":
    """The sweep of these arms, of which is trained what the store lacks; its parent run is the question's own."""
    uri = tracking_uri()
    parent_run_id = _gathered(uri, flags.finished, question) if flags.finished else _trained(flags, arms, question)
    from plainres.analysis import load_sweep
    from plainres.tracking.outages import reaching_store

    with reaching_store():
        return load_sweep(parent_run_id, uri)


def planned(flags: SweepFlags, arms: Sequence[str], notes: Mapping[str, str] | None = None) -> Sweep:
    """The sweep that is asked for, with what stands for the content of its images."""
    settings = identified(flags.run.values)
    return plan_sweep(arms, flags.depths, flags.seeds, notes=notes, elsewhere=flags.launch.elsewhere, **settings)


def exit_code(flags: SweepFlags, results: "SweepResults") -> int:
    """Whether a run of the sweep failed; of finished runs that were named none can."""
    return RUN_FAILED if results.missing and not flags.finished else FINISHED


def _trained(flags: SweepFlags, arms: Sequence[str], question: str) -> str:
    uri = tracking_uri()
    sweep = planned(flags, arms, notes={"question": question})
    begin_imports_of(flags.launch)
    with uncollected():
        from plainres.screen.console import console
        from plainres.sweeps.run_sweep import run_sweep
        from plainres.tracking.runs import open_experiment

    config = sweep.configs[0]
    if facts_of(config.dataset).needs_files:
        from plainres.data import dataset_of

        dataset_of(config)  # before anything is written
    checkpoints, screen = flags.checkpoints.root(uri), console()
    launcher = make_launcher(flags.launch, flags.jobs, config, checkpoints, screen)
    return run_sweep(
        sweep,
        open_experiment(uri, flags.experiment_name),
        launcher=launcher,
        fresh=False,
        console=screen,
        checkpoints=checkpoints,
        checkpoint_every=flags.checkpoints.checkpoint_every,
    )


def _gathered(uri: str, run_ids: Sequence[str], question: str) -> str:
    """The id of a parent run to which these finished runs belong."""
    from plainres.analysis.stored_runs import stored_run
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import add_members, members_of, open_parent
    from plainres.tracking.runs import Experiment, set_status
    from plainres.tracking.source import current_source

    with reaching_store():
        named = [stored_run(uri, run_id) for run_id in run_ids]
        runs = [
            stored_run(uri, run_id)
            for run in named
            for run_id in members_of(run.data.tags).values() or [run.info.run_id]
        ]
        configs = [(_config(run.info.run_id, run.data.params), run.info.run_id) for run in runs]
        experiments = {run.info.experiment_id for run in runs}
        names = [config.name for config, _ in configs]
        if len(experiments) > 1 or len(set(names)) < len(names):
            raise BadInput("the runs to look into must be of one MLflow experiment, and no two of one name")
        experiment = Experiment(uri, experiments.pop())
        asked = hashlib.sha256(" ".join([question, *sorted(run_id for _, run_id in configs)]).encode()).hexdigest()[:12]
        parent = open_parent(experiment, asked, _params(configs, question), current_source(), fresh=False)
        add_members(experiment, parent, configs)
        set_status(experiment, parent.run_id, "FINISHED")
    return parent.run_id


def _config(run_id: str, params: Mapping[str, str]) -> RunConfig:
    if "variant" not in params:
        raise BadInput(f"run {run_id} is not the training of a network")
    return RunConfig.from_params(params)


def _params(configs: Sequence[tuple[RunConfig, str]], question: str) -> dict[str, str]:
    """What runs have of arms, depths and seeds, as a sweep's parent run notes it."""
    return {
        "arms": " ".join(dict.fromkeys(config.arm for config, _ in configs)),
        "depths": " ".join(map(str, sorted({config.depth for config, _ in configs}))),
        "seeds": " ".join(map(str, sorted({config.seed for config, _ in configs}))),
        "question": question,
    }
