"""Declare every setting of a run once: type, default, help, bounds and role. Flags, hash and refusals follow.

A new setting is one line in one of the classes below, and the code that uses it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

from plainres.errors import BadInput
from plainres.settings.declaration import (
    ASKED,
    IMAGES,
    NETWORK,
    RECIPE,
    RUNNING,
    TRAINING,
    Role,
    Setting,
    about,
    check_values,
    declared_in,
    setting,
    under,
)
from plainres.settings.recipes import RECIPES
from plainres.settings.values import as_text, parse

VARIANTS = ("plain", "residual")
DEFAULT_DATA_DIR = "~/.cache/plainres"


@dataclass(frozen=True)
@under(IMAGES)
class DataSettings:
    """Say which images are used; all arms of a sweep share these."""

    dataset: str = setting(
        "digits",
        f"{', '.join(RECIPES)}: digits come with scikit-learn, imagefolder is train/CLASS/FILE and test/CLASS/FILE or "
        "val/CLASS/FILE.",
        words="data set",
        always_hashed=True,
        heading=ASKED,
    )
    recipe: str = setting(
        "",
        "Data set whose recipe gives the defaults below. CIFAR's is that of section 4.2 of the paper: batch 128, "
        "learning rate 0.1 divided by 10 at 32k and 48k of 64k iterations, weight decay 1e-4, 4 pixels of padding, "
        "random crop and flip, 45k images for training and 5k for validation. cifar10-cpu and fashion-mnist-cpu are "
        "for two cores: 2,500 images of 16 pixels.",
        role=Role.LAUNCH,
        shown="the data set's own",
    )
    data_dir: str = setting(
        DEFAULT_DATA_DIR,
        "Folder that holds the data set's files, or is to hold them after a download; digits need none.",
        role=Role.PLACE,
        words="the data folder's name",
    )
    data_content: str = setting(
        "", "Stands for the content of images whose files are one's own.", on_command_line=False
    )
    image_size: int = setting(
        0, "Side in pixels that images are resized to, aspect ratio kept and the rest black.",
        least=0, most=4096, shown="their own size", always_hashed=True,
    )  # fmt: skip
    train_images: int = setting(
        0, "Training images, validation included, drawn from all, each class in its share; every run gets the same.",
        words="training images", least=0, shown="all",
    )  # fmt: skip
    test_images: int = setting(0, "Test images, drawn likewise.", least=0, shown="all")
    validation_share: float = setting(
        0.0, "Share of the training images that is held out for validation.",
        least=0, below=1, shown="the data set's own",
    )  # fmt: skip
    stream: str = setting(
        "auto", "Decode a folder of images while training: auto (if they don't fit into memory), always or never.",
        role=Role.LAUNCH, words="streaming", choices=("auto", "always", "never"),
    )  # fmt: skip
    data_workers: int = setting(
        0, "Processes of each run that decode streamed images.",
        role=Role.LAUNCH, least=0, most=256, shown="one for the CPU, up to 8 for a GPU",
    )  # fmt: skip


@dataclass(frozen=True)
@under(NETWORK)
class NetworkSettings:
    """Say what a network is, beside its variant and depth; see `plainres.networks`."""

    width: int = setting(
        RECIPE, "Channels of the first stage.",
        least=0, most=4096, shown="the paper's, 64 for four-stage and 16 for three-stage networks",
    )  # fmt: skip
    stem: str = setting(
        RECIPE, "imagenet (7x7/2 convolution and max-pool) or small (3x3 convolution).", choices=("imagenet", "small")
    )
    family: str = setting(
        "auto", "four-stage or three-stage; depths 50 and 152 exist in both.",
        choices=("auto", "four-stage", "three-stage"), shown="the one that has the depth, four-stage first",
        always_hashed=True,
    )  # fmt: skip
    shortcut: str = setting(
        "auto",
        "Of residual networks: A (zero padding), B (projection where the shape changes) or C (projection everywhere).",
        choices=("auto", "A", "B", "C", "none"), shown="B for four-stage, A for three-stage", always_hashed=True,
    )  # fmt: skip
    conv_bias: bool = setting(False, "Give convolutions a bias, as many tutorials do; batch norm makes it redundant.")
    projection_norm: bool = setting(True, "Let batch norm follow the projections of shortcuts B and C.")
    init: str = setting(
        "he",
        "How convolutions start: he (He et al. 2015b), dirac (the identity plus a share of He's draw), orthogonal "
        "(Saxe et al. 2014) or delta-orthogonal (Xiao et al. 2018, algorithm 1).",
        words="initialisation",
        choices=("he", "dirac", "orthogonal", "delta-orthogonal"),
    )
    init_share: float = setting(0.1, "The share of He's draw with --init dirac.", least=0)
    weights: str = setting(
        "plain",
        "plain, or dirac: blocks learn diag(a) I + diag(b) W / |W| in place of W (Zagoruyko & Komodakis 2017, sec. 3); "
        "with --downsampling pool, plain networks of basic blocks are their authors'.",
        choices=("plain", "dirac"),
    )
    downsampling: str = setting(
        "stride",
        "How a stage halves the size: stride (of its first block) or pool (2x2 max-pool before it, as in DiracNets).",
        choices=("stride", "pool"),
    )
    shortcut_scale: float = setting(
        1.0, "By what shortcuts are multiplied (He et al. 2016, section 3.1, constant scaling).", least=0
    )
    block: str = setting(
        "post",
        "post, pre: norm and ReLU before each convolution, none after the addition (He et al. 2016, figure 4e), or "
        "before: F's last ReLU before the addition, none after it (figure 4c).",
        choices=("post", "pre", "before"),
    )
    zero_gamma: bool = setting(
        False, "Start the last batch norm of each residual block at zero (Goyal et al. 2017, section 5.1)."
    )
    residual_gate: bool = setting(
        False,
        "Multiply F(x) by a learnt scalar that starts at zero: with --block pre and --norm none as De & Smith 2020 "
        "(SkipInit), with --block before as Bachlechner et al. 2020 (ReZero).",
    )
    norm: str = setting(
        "batch",
        "batch, group (Wu & He 2018: 32 groups, of two channels at least), layer (one group), or none: residual blocks "
        "without a gate then follow Fixup (Zhang et al. 2019, section 3).",
        choices=("batch", "group", "layer", "none"),
    )
    branch_scale: float = setting(1.0, "By what F(x) is multiplied.", above=0)
    branch_power: float = setting(
        0.0, "F(x) is multiplied by the number of blocks to the power of minus this: 0.5 (Hayou et al. 2021) or 1.",
        least=0,
    )  # fmt: skip
    activation: str = setting(
        "relu",
        "relu, leaky (of slope --leak), tanh, tat: a leaky ReLU whose slope is tailored to a plain network's depth "
        "(Zhang et al. 2022), or crelu: ReLUs of x and -x, before mirrored weights that make a plain network linear at "
        "the start (Balduzzi et al. 2017, section 4). Draws have the gain that keeps a signal's size.",
        choices=("relu", "leaky", "tanh", "tat", "crelu"),
    )
    leak: float = setting(0.01, "Slope below zero with --activation leaky.", least=0, most=1)


@dataclass(frozen=True)
@under(TRAINING)
class TrainingSettings:
    """Say how a network is trained."""

    epochs: int = setting(RECIPE, "Passes over the training images.", least=1)
    batch_size: int = setting(RECIPE, "Images a step.", least=2, why="the fewest that batch norm can normalise")
    lr: float = setting(RECIPE, "Peak learning rate.", words="learning rate", above=0)
    keep_last_batch: bool = setting(False, "Train on the last images of an epoch, too few to fill a batch, as well.")
    norm_shares: int = setting(
        1,
        "Parts of each batch that batch norm takes statistics of, each of its own: 1, or as many as torchrun starts "
        "processes, which then needn't tell each other theirs.",
        least=1, most=1024, shown="the whole batch",
    )  # fmt: skip
    optimizer: str = setting(
        "sgd",
        "sgd, adamw, lars (rates by layer, You et al. 2017) or muon (orthogonalised momentum for convolutions, Jordan "
        "et al. 2024, AdamW for the rest); each needs a learning rate of its own.",
        choices=("sgd", "adamw", "lars", "muon"),
    )
    momentum: float = setting(RECIPE, "Momentum of SGD, LARS and Muon, and AdamW's first beta.", least=0, below=1)
    weight_decay: float = setting(RECIPE, "Weight decay, decoupled with adamw and muon.", least=0)
    param_groups: str = setting(
        "alike",
        "alike, or paper: as the authors' code of a method trains them. Fixup's biases and scales have a tenth of the "
        "rate; beside weights dirac what has one dimension has no weight decay.",
        words="parameter groups", choices=("alike", "paper"),
    )  # fmt: skip
    clip: float = setting(
        0.0, "Norm that the gradient of all parameters together is scaled down to where it is larger.",
        words="clipping norm", least=0, shown="no clipping",
    )  # fmt: skip
    shortcut_until: float = setting(
        0.0, "Share of the training after which the shortcuts' scale has gone from 1 to 0, linearly: what is evaluated "
        "then is a plain network.",
        least=0, most=1, shown="never",
    )  # fmt: skip
    shortcut_from: float = setting(
        0.0, "Share of the training before which the shortcuts' scale is 0: the network is plain until then.",
        least=0, below=1, shown="from the start",
    )  # fmt: skip
    equal_updates: int = setting(
        0, "Epochs, the first ones, in which each layer's gradient has the same ratio to its weights, the mean of all.",
        words="epochs of equal updates", least=0, shown="none",
    )  # fmt: skip
    schedule: str = setting(
        RECIPE, "Learning rate over the run: cosine, step (a tenth after 1/2 and after 3/4 of the steps) or constant.",
        choices=("cosine", "step", "constant"),
    )  # fmt: skip
    warmup_epochs: int = setting(RECIPE, "Epochs in which the learning rate first rises linearly.", least=0)
    augment: str = setting(
        RECIPE, "none, or crop-flip: 4 pixels of padding, a random crop and a random flip (section 4.2).",
        words="augmentation", choices=("none", "crop-flip"),
    )  # fmt: skip
    save_model: str = setting(
        "weights",
        "What is stored of the networks that are trained now: weights (model.pt), or pt2 (torch.export's archive, "
        "model.pt2, as well).",
        role=Role.LAUNCH,
        choices=("weights", "pt2"),
    )
    probes: tuple[str, ...] = setting(
        (),
        "What is measured at the start and after each epoch, beside gradient norms: gradient_coherence, growth_rate, "
        "responses, lesion, sharpness or landscape.",
        shown="nothing",
    )


@dataclass(frozen=True)
@under(RUNNING)
class MachineSettings:
    """Say what computes, and how."""

    device: str = setting(
        "auto", "auto (CUDA where it is, else the CPU), cpu, cuda or mps.",
        role=Role.MACHINE, choices=("auto", "cpu", "cuda", "mps"), always_hashed=True,
    )  # fmt: skip
    precision: str = setting(
        "auto", "auto (bf16 where the device supports it), fp32 or bf16.",
        role=Role.MACHINE, choices=("auto", "fp32", "bf16"), always_hashed=True,
    )  # fmt: skip
    threads: int = setting(1, "CPU threads of each run.", role=Role.MACHINE, least=1, most=1024, always_hashed=True)
    compile: bool = setting(
        False, "Run training steps through torch.compile; on a CPU it takes a minute, and is slower afterwards.",
        role=Role.MACHINE,
    )  # fmt: skip
    system_metrics: bool = setting(
        False, "Log the use of CPU, memory, disk and GPU every ten seconds, for long runs; needs psutil.",
        role=Role.LAUNCH,
    )  # fmt: skip
    cuda_graph: bool = setting(True, "Replay the training step as one CUDA graph, on a GPU.", role=Role.LAUNCH)


@dataclass(frozen=True)
class Settings(MachineSettings, TrainingSettings, NetworkSettings, DataSettings):
    """Hold all that the runs of a sweep can share."""

    @property
    def values(self) -> dict[str, Any]:
        """Gives the values by name."""
        return {name: getattr(self, name) for name in names_of(Settings)}


@dataclass(frozen=True)
@under(RUNNING)
class LaunchSettings:
    """Say where the runs of one command are trained; no part of any run, and nothing that a result depends on."""

    launcher: str = setting(
        "local",
        "Who trains the runs: local (processes of this machine), ray (tasks of Ray) or slurm (an array of Slurm's "
        "jobs). The latter two are extras: `uv sync --extra ray`.",
        role=Role.LAUNCH,
        choices=("local", "ray", "slurm"),
    )
    gpus: float = setting(
        0.0, "GPUs that ray or slurm gives each run; runs share one of ray's where this is a fraction.",
        role=Role.LAUNCH, least=0, shown="1 where --device is cuda",
    )  # fmt: skip
    ray_address: str = setting(
        "", "Address of the Ray cluster that this machine belongs to, as HOST:6379.",
        role=Role.LAUNCH, words="Ray address", shown="a Ray that is started here",
    )  # fmt: skip
    slurm_partition: str = setting(
        "", "Partition of Slurm's jobs.", role=Role.LAUNCH, words="Slurm partition", shown="the cluster's own"
    )
    slurm_time: int = setting(
        240, "Minutes of each of Slurm's jobs; one that is not done by then is queued again and goes on.",
        role=Role.LAUNCH, words="Slurm time", least=1, most=527040, why="Slurm counts in minutes, up to a year",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raise BadInput for a value that nothing could be launched with."""
        check_values(self)

    @property
    def elsewhere(self) -> bool:
        """Tells whether other machines may train the runs."""
        return self.launcher in ("ray", "slurm")


@dataclass(frozen=True)
class RunConfig(Settings):
    """Holds the configuration of one run, every default resolved; `plainres.sweeps.configure.configure` makes one.

    Travels from the command line to the tracking store, as parameters, and back.
    """

    variant: str = setting(RECIPE, "plain (no shortcut) or residual.", choices=VARIANTS)
    depth: int = setting(RECIPE, "Weighted layers on the main path.", least=1)
    seed: int = setting(RECIPE, "Of the initial weights and of the order of the images.", least=0, most=2**63 - 1)
    arm: str = setting("", "What the run is compared as: its variant, or `plain:init=dirac`.", role=Role.LAUNCH)

    def __post_init__(self) -> None:
        """Raise BadInput for a value that no run can be trained with."""
        object.__setattr__(self, "arm", self.arm or self.variant)
        check_values(self)
        if self.warmup_epochs >= self.epochs:
            raise BadInput(f"warm-up of {self.warmup_epochs} epochs is outside 0 to {self.epochs - 1}")
        if self.stream == "always" and self.dataset != "imagefolder":
            raise BadInput(f"only a folder of images can be streamed: {self.dataset} is kept in memory")

    @property
    def changes_shortcuts(self) -> bool:
        """Tells whether shortcuts go or come while the run trains."""
        return bool(self.shortcut_until or self.shortcut_from)

    @property
    def network(self) -> str:
        """Names the arm at its depth, as `plain-34`."""
        return f"{self.arm}-{self.depth}"

    @property
    def name(self) -> str:
        """Names the run, as `plain-34-seed0`."""
        return f"{self.network}-seed{self.seed}"

    @property
    def config_hash(self) -> str:
        """Gives twelve hex digits that two runs share exactly when their results depend on equal settings.

        A setting that came after the first version counts where it isn't at its default: without it, a run is what it
        was before.
        """
        counted = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if ABOUT[each.name].role in (Role.IDENTITY, Role.MACHINE)
            and (ABOUT[each.name].always_hashed or getattr(self, each.name) != each.default)
        }
        return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def params(self) -> dict[str, str]:
        """Gives the settings as text, for the tracking store."""
        return {name: as_text(getattr(self, name)) for name in names_of(RunConfig)}

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> "RunConfig":
        """Make the configuration again from its MLflow run's parameters; a setting that came later has its default."""
        return cls(
            **{name: parse(declared, params[name]) for name, declared in declared_in(cls).items() if name in params}
        )


DECLARED: dict[str, Field[Any]] = {**declared_in(RunConfig), **declared_in(LaunchSettings)}
ABOUT: dict[str, Setting] = {name: about(each) for name, each in DECLARED.items()}


def names_of(kind: type) -> tuple[str, ...]:
    """Return the names of the settings that a class declares or inherits."""
    return tuple(declared_in(kind))


def identity_of(config: RunConfig) -> dict[str, Any]:
    """Return the settings that a result depends on, wherever and however it's computed."""
    return {name: getattr(config, name) for name, about in ABOUT.items() if about.role is Role.IDENTITY}
