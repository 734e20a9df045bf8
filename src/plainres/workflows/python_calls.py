"""What commands do, as calls: for Python, and at home in a notebook."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from operator import index
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput
from plainres.workflows.compare import Request, Studies, carry_out, read_back
from plainres.workflows.setting_keywords import check_keywords, launch_of, takes_settings
from plainres.workflows.tune import StudyRequest, StudyResults, carry_out_studies

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.analysis.judged_sweep import JudgedSweep


@takes_settings
def compare(
    depths: int | Sequence[int] = Request.depths,
    arms: str | Sequence[str] = Request.arms,
    seeds: int | Sequence[int] = Request.seeds,
    *,
    tuned: StudyResults | Studies | bool | None = None,
    margin: float = Request.margin,
    jobs: int | None = Request.jobs,
    experiment_name: str = Request.experiment_name,
    fresh: bool = Request.fresh,
    checkpoint_every: int = Request.checkpoint_every,
    checkpoint_dir: str | None = Request.checkpoint_dir,
    progress: bool = True,
    **settings: Any,
) -> "JudgedSweep":
    """Train every arm at every depth with every seed alike, and judge whether depth degrades plain networks.

    What `python -m experiments.degradation` does, with the same defaults, store and runs: what either has trained, the
    other finds finished. Interrupted, the next call goes on where this one was. The question and the networks are
    those of He et al. 2015, section 4.

    Args:
        depths: weighted layers: 18, 34, 50, 101, 152 (four-stage) or 6n+2 (three-stage).
        arms: what is compared: `plain`, `residual`, and either with settings of its own, as `residual:shortcut=C`.
        seeds: of initial weights and order of the images; a number n stands for 0 to n - 1.
        tuned: what `tune` gave: each network is trained at the values that its studies found best.
            True for the studies of the default storage.
        margin: smallest change of the training error that counts, in percentage points.
        jobs: runs trained side by side by this machine; by default one a core on the CPU, or one a GPU.
        experiment_name: of the MLflow experiment that the runs belong to.
        fresh: train every run anew, finished ones too.
        checkpoint_every: epochs between two checkpoints of a run; 0 for as often as costs under 1 % of the time.
        checkpoint_dir: where they lie; `mlruns/checkpoints` beside the store by default.
        progress: show bars while it trains, in a notebook or a terminal.
        settings: those listed below; what is left out comes from the data set's recipe.

    Returns:
        The sweep as the store has it: table, runs, curves, verdict and figures.

    Raises:
        BadInput (a ValueError): it can't be trained or stored; one line says why, and nothing was written.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next call.
    """
    check_keywords(compare, settings)
    launch, settings = launch_of(settings)
    request = Request(
        depths=_whole_numbers("depth", depths),
        arms=_words("arm", arms),
        seeds=tuple(range(seeds)) if isinstance(seeds, Integral) else _whole_numbers("seed", seeds),
        settings=settings,
        margin=_number("margin", margin),
        tuned=_studies(tuned),
        launch=launch,
        jobs=None if jobs is None else _whole("jobs", jobs),
        experiment_name=_word("experiment name", experiment_name),
        fresh=fresh,
        checkpoint_every=_whole("checkpoint-every", checkpoint_every),
        checkpoint_dir=checkpoint_dir,
    )
    return carry_out(request, _console(progress=progress))


@takes_settings
def tune(
    depths: int | Sequence[int] = StudyRequest.depths,
    arms: str | Sequence[str] = StudyRequest.arms,
    trials: int = StudyRequest.trials,
    *,
    studies: int = StudyRequest.studies,
    confirm: int | None = StudyRequest.confirm,
    search: Sequence[str] = StudyRequest.search,
    lr_range: tuple[float, float] = StudyRequest.lr_range,
    batch_sizes: Sequence[int] = StudyRequest.batch_sizes,
    weight_decay_range: tuple[float, float] = StudyRequest.weight_decay_range,
    budget: str = StudyRequest.budget,
    objective: str = StudyRequest.objective,
    pruner: str = StudyRequest.pruner,
    pruner_warmup: int | None = StudyRequest.pruner_warmup,
    sampler: str = StudyRequest.sampler,
    sampler_seed: int = StudyRequest.sampler_seed,
    seed: int = StudyRequest.seed,
    storage: str = StudyRequest.storage,
    study_name: str = StudyRequest.study_name,
    jobs: int | None = StudyRequest.jobs,
    experiment_name: str = StudyRequest.experiment_name,
    checkpoint_every: int = StudyRequest.checkpoint_every,
    checkpoint_dir: str | None = StudyRequest.checkpoint_dir,
    progress: bool = True,
    **settings: Any,
) -> StudyResults:
    """Tune learning rate and batch size of every arm at every depth, each in studies of its own, all alike.

    What `python -m studies.lr_batch_size` does, with the same defaults, storage and runs. Interrupted, the next call
    goes on where this one was.

    Args:
        depths: weighted layers: 18, 34, 50, 101, 152 (four-stage) or 6n+2 (three-stage).
        arms: what is tuned: `plain`, `residual`, and either with settings of its own, as `residual:shortcut=C`.
        trials: of each study in total, those of earlier calls and of other machines included.
        studies: of each network, with draws and seeds of their own.
        confirm: how many of each study's best trials are trained again on three fresh seeds; the best mean wins.
        search: what is searched: any of lr, batch_size and weight_decay.
        lr_range: lowest and highest learning rate, searched log-uniformly.
        batch_sizes: the ones that are tried.
        weight_decay_range: lowest and highest weight decay, searched log-uniformly.
        budget: what trials of all batch sizes have in common: epochs or steps.
        objective: minimised: train_loss, train_error, validation_loss or validation_error.
        pruner: stops trials that do badly early on: median, hyperband or none.
        pruner_warmup: epochs that every trial trains before it can be pruned; by default a third.
        sampler: draws the trials: tpe, random or qmc (quasi-random).
        sampler_seed: of the draws, the same for every network.
        seed: of initial weights and order of the images in every trial of a first study; later ones have their own.
        storage: database of the studies, as an SQLAlchemy URL.
        study_name: what the studies' names begin with.
        jobs: trials trained side by side by this machine; by default one a core on the CPU, or one a GPU.
        experiment_name: of the MLflow experiment that the runs belong to.
        checkpoint_every: epochs between two checkpoints of a run; 0 for as often as costs under 1 % of the time.
        checkpoint_dir: where they lie; `mlruns/checkpoints` beside the store by default.
        progress: show bars while it trains, in a notebook or a terminal.
        settings: those listed below; what is left out comes from the data set's recipe, and what is searched is
            the first trial's.

    Returns:
        What the studies came to, which `compare` takes as `tuned`.

    Raises:
        BadInput (a ValueError): it can't be tuned or stored; one line says why, and nothing was written.
        StoreAway, StudiesFail: a store was lost; the next call goes on when it's back.
    """
    check_keywords(tune, settings)
    launch, settings = launch_of(settings)
    request = StudyRequest(
        depths=_whole_numbers("depth", depths),
        arms=_words("arm", arms),
        trials=_whole("trials", trials),
        studies=_whole("studies", studies),
        confirm=None if confirm is None else _whole("confirm", confirm),
        search=_words("setting to search", search),
        lr_range=_range("learning rate", lr_range),
        batch_sizes=_whole_numbers("batch size", batch_sizes),
        weight_decay_range=_range("weight decay", weight_decay_range),
        budget=_word("budget", budget),
        objective=_word("objective", objective),
        pruner=_word("pruner", pruner),
        pruner_warmup=None if pruner_warmup is None else _whole("pruner-warmup", pruner_warmup),
        sampler=_word("sampler", sampler),
        sampler_seed=_whole("sampler seed", sampler_seed),
        seed=_whole("seed", seed),
        storage=_word("storage", storage),
        study_name=_word("study name", study_name),
        settings=settings,
        launch=launch,
        jobs=None if jobs is None else _whole("jobs", jobs),
        experiment_name=_word("experiment name", experiment_name),
        checkpoint_every=_whole("checkpoint-every", checkpoint_every),
        checkpoint_dir=checkpoint_dir,
    )
    return carry_out_studies(request, _console(progress=progress))


def load_sweep(run_id: str, tracking_uri: str | None = None, margin: float = Request.margin) -> "JudgedSweep":
    """A sweep out of the tracking store, whoever trained it.

    Args:
        run_id: of its parent run, as the command's last lines and MLflow's UI show it.
        tracking_uri: of the store; MLFLOW_TRACKING_URI or mlflow.db here by default.
        margin: smallest change of the training error that counts, in percentage points.

    Raises:
        BadInput (a ValueError): the store can't be reached, has no such run, or the run is no sweep's parent.
    """
    return read_back(_word("run id", run_id), tracking_uri, _number("margin", margin))


def _console(*, progress: bool) -> "Console":
    """Where progress is shown; nothing is printed where lines would be left behind."""
    from rich.console import Console

    from plainres.screen.console import console

    made = console(stderr=True)
    if progress and made.is_terminal and not made.is_jupyter:
        return made
    return Console(quiet=True, force_jupyter=progress and made.is_jupyter)  # bars in a notebook need no console


def _studies(tuned: StudyResults | Studies | bool | None) -> Studies | None:
    if isinstance(tuned, StudyResults):
        return Studies(tuned.storage, tuned.study_name)
    if tuned is True:
        return Studies()
    if tuned is None or tuned is False or isinstance(tuned, Studies):
        return tuned or None
    raise BadInput(f"tuned {tuned!r} is neither what plainres.tune gave nor True")


def _range(what: str, ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    return _number(what, low), _number(what, high)


def _whole_numbers(what: str, values: object) -> tuple[int, ...]:
    several = values if isinstance(values, Iterable) and not isinstance(values, str | bytes) else [values]
    return tuple(_whole(what, value) for value in several)


def _whole(what: str, value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise BadInput(f"{what} {value!r} is no whole number") from None


def _number(what: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{what} {value!r} is no number") from None


def _words(what: str, values: object) -> tuple[str, ...]:
    several = values if isinstance(values, Iterable) and not isinstance(values, str | bytes) else [values]
    return tuple(_word(what, value) for value in several)


def _word(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{what} {value!r} is no text")
    return value
