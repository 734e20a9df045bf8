"""Declare what commands and Python calls ask for, each option once, and check whether it can be done.

Flags, keywords and refusals follow. A new option is one line in one of the classes below, and the code that uses it.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from plainres.data.catalogue import facts_of
from plainres.errors import BadInput
from plainres.launchers.choice import check_launch
from plainres.running.folders import check_root, default_root
from plainres.settings import LaunchSettings, RunConfig, Settings
from plainres.settings.declaration import (
    ASKED,
    REPORT,
    RUNNING,
    TUNING,
    check_values,
    group,
    redeclared,
    setting,
    under,
)
from plainres.settings.thresholds import MARGIN
from plainres.settings.values import made
from plainres.sweeps.configure import filled
from plainres.tracking.store import check_experiment_name, check_store, tracking_uri
from plainres.tuning.definition import DEFAULT_PREFIX
from plainres.tuning.search import Search
from plainres.tuning.storage import DEFAULT_STORAGE


@dataclass(frozen=True)
@under(RUNNING)
class TrackedRequest:
    """Says how runs are trained, and where they are kept.

    Attributes:
        settings_file: the text of the file that is stored with a sweep, of what was asked for first: an experiment may
            make several requests of one.
    """

    experiment_name: str = setting("degradation", "MLflow experiment that the runs belong to.")
    checkpoint_every: int = setting(
        0, "Epochs between two checkpoints of a run; one that was interrupted goes on from its last.",
        words="checkpoint-every", least=0, shown="as often as costs under 1 % of the time",
    )  # fmt: skip
    checkpoint_dir: str | None = setting(
        None, "Where the checkpoints lie; a process that shares it goes on from the checkpoints of one that died.",
        metavar="PATH", shown="mlruns/checkpoints beside the store",
    )  # fmt: skip
    any_code: bool = setting(
        False, "Go on with runs that other code of plainres has begun, which begin anew otherwise.", switch=True
    )
    run: Settings = group(filled)
    settings_file: str = field(default="", kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raise BadInput for a value that isn't within its bounds."""
        check_values(self)


@dataclass(frozen=True)
@under(ASKED)
class Networks:
    """Names networks: every arm at every depth."""

    depths: tuple[int, ...] = setting(
        (18, 34, 50),
        "Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage).",
        words="depth",
    )
    arms: tuple[str, ...] = setting(
        ("plain", "residual"),
        "What is compared: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C.",
        words="arm",
    )


@dataclass(frozen=True)
class Seeded(Networks):
    """Names runs: each network with every seed."""

    seeds: tuple[int, ...] = setting(
        (0, 1, 2), "Of initial weights and order of the images; a run each.", words="seed", counts_to=10_000
    )


@dataclass(frozen=True)
@under(RUNNING)
class LaunchedRequest(TrackedRequest):
    """Says how several runs are trained side by side, and by whom."""

    jobs: int | None = setting(
        None, "Runs trained side by side by this machine.",
        least=1, shown="one a core on the CPU, or one a GPU",
    )  # fmt: skip
    launch: LaunchSettings = group(partial(made, LaunchSettings))


@dataclass(frozen=True)
class SweepRequest(LaunchedRequest, Seeded):
    """Asks for a sweep."""


@dataclass(frozen=True)
class CompareRequest(SweepRequest):
    """Asks whether depth degrades the arms of a sweep."""

    seeds: tuple[int, ...] = redeclared(
        Seeded, "seeds", (0, 1, 2, 3, 4, 5),
        help="Of initial weights and order of the images; a run each, and six are the fewest that can decide.",
    )  # fmt: skip
    fresh: bool = setting(False, "Train every run anew, finished ones too.", switch=True, heading=RUNNING)
    margin: float = setting(
        100 * MARGIN, "Smallest change of the training error that counts, in percentage points.",
        least=0, heading=REPORT,
    )  # fmt: skip


@dataclass(frozen=True)
class LookRequest(SweepRequest):
    """Asks to look into the networks of a sweep, or into finished runs of the store."""

    depths: tuple[int, ...] = redeclared(Networks, "depths", (18, 34))
    finished: tuple[str, ...] = setting(
        (), "Train nothing: look into these finished runs, or into those of a sweep whose parent run is named.",
        option="run", metavar="[RUN_ID ...]",
    )  # fmt: skip
    experiment_name: str = redeclared(
        TrackedRequest, "experiment_name", "degradation",
        help="MLflow experiment that the runs belong to; those that it has, finished, aren't trained again.",
    )  # fmt: skip


@dataclass(frozen=True)
class MeasureRequest(LookRequest):
    """Asks to measure networks on training images."""

    images: int = setting(
        256, "Training images that networks are measured on, at most.",
        least=2, why="the fewest that batch norm can normalise",
    )  # fmt: skip


@dataclass(frozen=True)
@under(TUNING)
class Studied(Networks):
    """Says how much each network is studied."""

    arms: tuple[str, ...] = redeclared(
        Networks, "arms", ("plain", "residual"),
        help="What is tuned: plain (no shortcut), residual, and either with settings of its own, as "
        "residual:shortcut=C.",
    )  # fmt: skip
    trials: int = setting(
        20, "Of each study in total, those of earlier starts and of other machines included.", least=1
    )
    studies: int = setting(
        1, "Of each network, with draws and seeds of their own: how far they lead apart is how much luck there is.",
        least=1,
    )  # fmt: skip
    confirm: int | None = setting(
        None, "Train so many of each study's best trials again, on three fresh seeds; the best mean wins.",
        shown="none",
    )  # fmt: skip


@dataclass(frozen=True)
@under(TUNING)
class StudyRequest(LaunchedRequest, Search, Studied):
    """Asks for studies; of the settings of runs, those that are searched are the first trial's."""

    seed: int = setting(
        0, "Of initial weights and order of the images in every trial of a first study; later ones have their own."
    )
    storage: str = setting(
        DEFAULT_STORAGE,
        "Database of the studies: sqlite:///FILE, postgresql://USER@HOST/DATABASE or another SQLAlchemy URL.",
    )
    study_name: str = setting(DEFAULT_PREFIX, "What the studies' names begin with; data set and network follow.")
    jobs: int | None = redeclared(LaunchedRequest, "jobs", None, help="Trials trained side by side by this machine.")
    experiment_name: str = redeclared(TrackedRequest, "experiment_name", "lr_batch_size")

    def __post_init__(self) -> None:
        """Raise BadInput for a value that isn't within its bounds, or a search that can't be made."""
        Search.__post_init__(self)
        if self.confirm is not None and not 1 <= self.confirm <= self.trials:
            raise BadInput(f"confirm {self.confirm} is outside 1 to {self.trials}, the trials of a study")


@dataclass(frozen=True)
class Place:
    """Says where runs are kept: the URI of the store, and the folder of all checkpoints."""

    uri: str
    checkpoints: Path


def check_place(request: TrackedRequest) -> Place:
    """Return the place of a request's runs.

    Raises:
        BadInput: they can't be stored there.
    """
    check_experiment_name(request.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    checkpoints = Path(request.checkpoint_dir) if request.checkpoint_dir else default_root(uri)
    check_root(checkpoints)
    return Place(uri, checkpoints)


def check_launched(request: LaunchedRequest, config: RunConfig) -> Place:
    """Return the place of runs, of which this is one; raises BadInput if they can't be launched or stored."""
    check_launch(request.launch, request.jobs, config)
    return check_place(request)


def check_images(*configs: RunConfig) -> None:
    """Read the images of runs, where they have files, before anything is written; raises BadInput if that fails."""
    if facts_of(configs[0].dataset).needs_files:
        from plainres.data import dataset_of

        for config in configs:
            dataset_of(config)
