"""Studies, whole: check what is asked for, and tune until every network's study has its trials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainres.data.catalogue import facts_of
from plainres.errors import BadInput, StudiesFail, without_credentials
from plainres.launchers.choice import begin_imports_of, check_launch, make_launcher
from plainres.running.folders import checkpoint_root
from plainres.settings import LaunchSettings
from plainres.sweeps.configure import identified
from plainres.system.garbage import uncollected
from plainres.tracking.store import check_experiment_name, check_store, tracking_uri
from plainres.tuning.definition import DEFAULT_PREFIX, StudyPlan, plan_studies
from plainres.tuning.search import Search
from plainres.tuning.storage import DEFAULT_STORAGE, check_storage, check_studies

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from plainres.tuning.state import StudyState


@dataclass(frozen=True)
class StudyRequest:
    """What is to be tuned, and how that is carried out; the defaults are those of the command and of Python.

    Attributes:
        depths: weighted layers on the main path.
        arms: what is tuned, as `plainres.sweeps.arms.parse_arm` reads them.
        trials: of each study in total, those of earlier starts included.
        studies: of each network, independent of each other.
        confirm: how many of a study's best trials are trained again on fresh seeds; None for none.
        search: what is searched, `plainres.tuning.search.Search.searched`.
        lr_range, batch_sizes, weight_decay_range, budget, objective, pruner, pruner_warmup, sampler, sampler_seed:
            those of `plainres.tuning.search.Search`.
        seed: of initial weights and order of the images in every trial of a first study; later ones have their own.
        storage: the database of the studies, as an SQLAlchemy URL.
        study_name: what the studies' names begin with.
        settings: those of `plainres.sweeps.configure.configure`; what is searched is the first trial's.
        launch: where trials are trained.
        jobs: trials trained side by side by this machine; None for one a core on the CPU, or one a GPU.
        experiment_name: of the MLflow experiment that the runs belong to.
        checkpoint_every: epochs between two checkpoints; 0 for as often as costs little.
        checkpoint_dir: where the checkpoints lie; None for `mlruns/checkpoints` beside the store.
    """

    depths: tuple[int, ...] = (18, 34, 50)
    arms: tuple[str, ...] = ("plain", "residual")
    trials: int = 20
    studies: int = 1
    confirm: int | None = None
    search: tuple[str, ...] = Search.searched
    lr_range: tuple[float, float] = (1e-3, 1.0)
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    weight_decay_range: tuple[float, float] = Search.weight_decay_range
    budget: str = Search.budget
    objective: str = "train_loss"
    pruner: str = "median"
    pruner_warmup: int | None = None
    sampler: str = Search.sampler
    sampler_seed: int = 0
    seed: int = 0
    storage: str = DEFAULT_STORAGE
    study_name: str = DEFAULT_PREFIX
    settings: Mapping[str, Any] = field(default_factory=dict)
    launch: LaunchSettings = field(default_factory=LaunchSettings)
    jobs: int | None = None
    experiment_name: str = "lr_batch_size"
    checkpoint_every: int = 0
    checkpoint_dir: str | None = None


@dataclass(frozen=True)
class StudyResults:
    """What studies have come to.

    Attributes:
        states: how far each network's study is, and its best trial.
        storage: where the studies are.
        study_name: what their names begin with.
        tracking_uri, experiment_id: where their runs are.
    """

    states: "tuple[StudyState, ...]"
    storage: str
    study_name: str
    tracking_uri: str
    experiment_id: str

    @property
    def failures(self) -> list[str]:
        """A line for each trial that failed, and for each run on a fresh seed."""
        return [
            f"{state.plan.label}: {reason}" for state in self.states for reason in (*state.failures, *state.unconfirmed)
        ]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each study: network, study, trials, pruned, diverged and failed ones, and the winner's values."""
        import pandas as pd

        from plainres.tuning.study_table import in_order

        return pd.DataFrame(
            {
                "arm": state.plan.config.arm,
                "depth": state.plan.config.depth,
                "study": state.plan.number,
                "trials": len(state.done),
                "pruned": state.pruned,
                "diverged": state.diverged,
                "failed": len(state.failures),
                **(state.winner.params if state.winner else {}),
                state.plan.search.objective: state.winner.value if state.winner else None,
                **({"confirmed": state.confirmed[0].mean} if state.confirmed else {}),
            }
            for state in in_order(self.states)
        )

    def __repr__(self) -> str:
        return self.table.to_string(index=False)

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, na_rep="", border=0)


def carry_out_studies(request: StudyRequest, console: "Console") -> StudyResults:
    """Bring every network's study to the trials asked for, going on where they stopped.

    Raises:
        BadInput: what is asked for can't be tuned or stored; nothing has been written then.
        StoreAway: the store went away and isn't back; the studies have what was found.
        StudiesFail: the studies' storage was lost, or workers die whatever they are given.
    """
    plans = _plan(request, request.settings)
    if request.trials < 1:
        raise BadInput(f"trials {request.trials} is below 1")
    if request.confirm is not None and not 1 <= request.confirm <= request.trials:
        raise BadInput(f"confirm {request.confirm} is outside 1 to {request.trials}, the trials of a study")
    check_launch(request.launch, request.jobs, plans[0].config)
    check_experiment_name(request.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    check_storage(request.storage)
    settings = identified(request.settings)
    checkpoints = checkpoint_root(request.checkpoint_dir, request.checkpoint_every, uri)
    return _tune(_plan(request, settings), request, uri, checkpoints, console)


def _plan(request: StudyRequest, settings: Mapping[str, Any]) -> tuple[StudyPlan, ...]:
    search = Search(
        lr_range=request.lr_range,
        batch_sizes=request.batch_sizes,
        objective=request.objective,
        pruner=request.pruner,
        pruner_warmup=request.pruner_warmup,
        sampler_seed=request.sampler_seed,
        searched=request.search,
        weight_decay_range=request.weight_decay_range,
        sampler=request.sampler,
        budget=request.budget,
    )
    return plan_studies(
        request.arms,
        request.depths,
        request.seed,
        prefix=request.study_name,
        search=search,
        settings=dict(settings),
        studies=request.studies,
        elsewhere=request.launch.elsewhere,
    )


def _tune(
    plans: tuple[StudyPlan, ...], request: StudyRequest, uri: str, checkpoints: Path, console: "Console"
) -> StudyResults:
    first = plans[0].config
    if facts_of(first.dataset).needs_files:
        from plainres.data import dataset_of

        for batch_size in request.batch_sizes if "batch_size" in request.search else [first.batch_size]:
            dataset_of(plans[0].trial_config({"batch_size": batch_size}))  # before anything is written
    if plans[0].first_trial is None:
        from plainres.tuning.study_table import values_text

        values = values_text({each.name: getattr(first, each.name) for each in plans[0].search.space})
        console.print(f"The recipe ({values}) is outside the space: no trial has its values.", soft_wrap=True)
    check_studies(plans, request.storage)
    begin_imports_of(request.launch)
    with uncollected():
        from optuna.exceptions import StorageInternalError

        from plainres.running.folders import Job
        from plainres.tracking.runs import open_experiment
        from plainres.tracking.source import current_source
        from plainres.tuning.run_studies import run_studies

        launcher = make_launcher(request.launch, request.jobs, first, checkpoints, console)
    experiment = open_experiment(uri, request.experiment_name)
    job = Job(experiment, None, "", current_source(), checkpoints, request.checkpoint_every)
    try:
        states = run_studies(
            plans, request.trials, request.storage, job, launcher, console, to_confirm=request.confirm or 0
        )
    except StorageInternalError as error:
        storage = without_credentials(request.storage)
        raise StudiesFail(f"storage {storage} was lost; the same command goes on when it is back") from error
    return StudyResults(tuple(states), request.storage, request.study_name, uri, experiment.experiment_id)
