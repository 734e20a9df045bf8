"""The configuration of one run: made at the command line, trained, logged as parameters, and read back from there."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from fractions import Fraction
from typing import Any

from plainres.errors import BadInput
from plainres.hardware import resolve_device
from plainres.machine_folders import cache_folder
from plainres.networks.architecture import VARIANTS, check_choice, resolve_architecture
from plainres.recipes import recipe_of

SCHEDULES = ("cosine", "step", "constant")
AUGMENTATIONS = ("none", "crop-flip")
STREAMING = ("auto", "always", "never")
LARGEST_IMAGE = 4096
MOST_THREADS = 1024
MOST_WORKERS = 256


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run's result depends on, with every default resolved; `configure` fills the defaults in."""

    variant: str
    depth: int
    seed: int
    dataset: str
    data_dir: str
    image_size: int
    augment: str
    family: str
    stem: str
    shortcut: str
    width: int
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    warmup_epochs: int
    device: str
    precision: str
    threads: int
    # Later fields: each with the default with which a run is what it was before.
    conv_bias: bool = False
    projection_norm: bool = True
    train_images: int = 0
    test_images: int = 0
    validation_share: float = 0.0
    keep_last_batch: bool = False
    compile: bool = False
    cuda_graph: bool = True
    stream: str = "auto"
    data_workers: int = 0
    arm: str = ""
    """What the run is compared as: the variant, or `plain:init=dirac`. A name, and no part of the identity."""

    def __post_init__(self) -> None:
        """Raise BadInput for a value that no run can be trained with."""
        object.__setattr__(self, "arm", self.arm or self.variant)
        check_choice("variant", self.variant, VARIANTS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("augmentation", self.augment, AUGMENTATIONS)
        check_choice("streaming", self.stream, STREAMING)
        if self.stream == "always" and self.dataset != "imagefolder":
            raise BadInput(f"only a folder of images can be streamed: {self.dataset} is kept in memory")
        if not 0 <= self.data_workers <= MOST_WORKERS:
            raise BadInput(f"data workers {self.data_workers} is outside 0 to {MOST_WORKERS}")
        if not 0 <= self.image_size <= LARGEST_IMAGE:
            raise BadInput(f"image size {self.image_size} is outside 0 to {LARGEST_IMAGE}")
        if self.seed < 0 or self.seed >= 2**63:
            raise BadInput(f"seed {self.seed} is outside 0 to 2**63 - 1")
        if self.epochs < 1:
            raise BadInput(f"epochs {self.epochs} is below 1")
        if self.batch_size < 2:
            raise BadInput(f"batch size {self.batch_size} is below 2, the fewest that batch norm can normalise")
        if self.train_images < 0 or self.test_images < 0:
            raise BadInput(
                f"{self.train_images} training and {self.test_images} test images: 0 means all, none is fewer"
            )
        if not 0 <= self.validation_share < 1:
            raise BadInput(f"validation share {self.validation_share} is outside [0, 1)")
        self._check_images()
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise BadInput(f"learning rate {self.lr} is not a positive, finite number")
        if not 0 <= self.momentum < 1:
            raise BadInput(f"momentum {self.momentum} is outside [0, 1)")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise BadInput(f"weight decay {self.weight_decay} is not a finite number of at least 0")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise BadInput(f"warm-up of {self.warmup_epochs} epochs is outside 0 to {self.epochs - 1}")
        if not 1 <= self.threads <= MOST_THREADS:
            raise BadInput(f"threads {self.threads} is outside 1 to {MOST_THREADS}")
        if not self.data_dir.isprintable():
            raise BadInput(f"the data folder's name {self.data_dir!r} can't be shown")

    def _check_images(self) -> None:
        """What's known of a data set without its files: that it has the images asked for, and enough for a batch."""
        of = recipe_of(self.dataset)
        if not (of.training_images and of.validation_images and of.test_images and of.num_classes):
            return
        images = of.training_images + of.validation_images
        drawn = draw_size("training", self.train_images, images)
        held_out = validation_size(drawn, self.validation_share, of.validation_images, images)
        for whole, part in (
            (images, drawn),
            (of.test_images, draw_size("test", self.test_images, of.test_images)),
            (drawn, held_out),
        ):
            if part < whole:
                check_part(whole, part, of.num_classes)
        self.check_batch_size(drawn - held_out)

    def check_batch_size(self, training_images: int) -> None:
        """Raise BadInput if batches of this size can't be made of so many training images."""
        if self.keep_last_batch:
            if training_images % self.batch_size == 1:
                raise BadInput(
                    f"batches of {self.batch_size} leave one of {training_images} training images over, which batch "
                    "norm can't normalise"
                )
        elif self.batch_size > training_images:
            raise BadInput(
                f"batch size {self.batch_size} is above the {training_images} training images of {self.dataset}"
            )

    @property
    def name(self) -> str:
        """The run's name, as `plain-34-seed0`."""
        return f"{self.network}-seed{self.seed}"

    @property
    def network(self) -> str:
        """The arm at its depth, as `plain-34`."""
        return f"{self.arm}-{self.depth}"

    @property
    def config_hash(self) -> str:
        """Twelve hex digits that two runs share exactly when their configurations are equal.

        Where the files of a published data set lie doesn't count, as their content is known, nor how images are read or
        a GPU's work is launched, as it's the same work.
        """
        # A field that came later has a default, with which a run is what it was before.
        settings = {field.name: getattr(self, field.name) for field in fields(self) if not _is_default(self, field)}
        if self.dataset != "imagefolder":
            del settings["data_dir"]
        for how in ("stream", "data_workers", "cuda_graph", "arm"):
            settings.pop(how, None)
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> "RunConfig":
        """The configuration back from the parameters of its MLflow run, which are text."""
        return cls(**{field.name: _value(field, params[field.name]) for field in fields(cls) if field.name in params})


def draw_size(what: str, wanted: int, images: int) -> int:
    """How many of a split's images are drawn: `wanted`, or all where that is 0.

    Raises:
        BadInput: there are fewer than are wanted.
    """
    if wanted > images:
        raise BadInput(f"{wanted} {what} images are asked for; there are {images}")
    return wanted or images


def check_part(images: int, count: int, classes: int) -> None:
    """Raise BadInput if `count` of the images can't be taken so that each class is among them and among the rest."""
    if not classes <= count <= images - classes:
        raise BadInput(f"{count} of {images} images can't have all {classes} classes among them and among the rest")


def validation_size(drawn: int, share: float, own: int, images: int) -> int:
    """How many of the drawn training images are held out for validation, rounded up.

    Args:
        drawn: training images that were drawn.
        share: of them for validation; 0 for the data set's own.
        own: images that the whole data set holds out, of `images`.
    """
    return math.ceil(drawn * (Fraction(str(share)) if share else Fraction(own, images)))


def _value(field: Field[Any], text: str) -> Any:
    return text == "True" if field.type is bool else field.type(text)  # type: ignore[operator]


def _is_default(config: RunConfig, field: Field[Any]) -> bool:
    return field.default is not MISSING and getattr(config, field.name) == field.default


def configure(
    variant: str,
    depth: int,
    seed: int = 0,
    *,
    dataset: str = "digits",
    recipe: str | None = None,
    data_dir: str | None = None,
    image_size: int = 0,
    augment: str | None = None,
    family: str | None = None,
    stem: str | None = None,
    shortcut: str | None = None,
    width: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    warmup_epochs: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 1,
    conv_bias: bool = False,
    projection_norm: bool = True,
    train_images: int = 0,
    test_images: int = 0,
    validation_share: float = 0.0,
    keep_last_batch: bool = False,
    compile: bool = False,
    cuda_graph: bool = True,
    stream: str = "auto",
    data_workers: int = 0,
) -> RunConfig:
    """A run's configuration: what is None is taken from the data set's recipe or the paper's defaults.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        seed: of the initial weights and of the order of the images.
        dataset: name of a data set.
        recipe: name of the data set whose recipe is taken; by default its own.
        data_dir: folder that holds, or is to hold, the data set's files; by default `~/.cache/plainres`.
        image_size: side in pixels that images are resized to, aspect ratio kept and the rest black; 0 keeps their own.
        augment: `none` or `crop-flip` (4 pixels of padding, random crop and flip; section 4.2 of the paper).
        family, stem, shortcut, width: the network, as in `plainres.networks.factory.build_network`.
        epochs: passes over the training images.
        batch_size: images a step.
        lr: peak learning rate of SGD.
        momentum, weight_decay: of SGD.
        schedule: `cosine`, `step` (a tenth after 1/2 and again after 3/4 of all steps) or `constant`.
        warmup_epochs: epochs in which the learning rate first rises linearly.
        device: `auto` (CUDA where it is, else CPU), `cpu`, `cuda` or `mps`.
        precision: `auto` (bf16 where the device supports it), `fp32` or `bf16`.
        threads: CPU threads of the run.
        conv_bias, projection_norm: the network, as in `plainres.networks.factory.build_network`.
        train_images: training images drawn from all, each class in its share; 0 takes all. Every seed gets the same.
        test_images: test images drawn likewise.
        validation_share: of the training images held out for validation; 0 takes the data set's own share.
        keep_last_batch: whether the last images of an epoch that don't fill a batch are trained on as well.
        compile: whether training steps go through `torch.compile`.
        cuda_graph: whether a GPU replays them as one captured graph.
        stream: `auto` (a folder of images that doesn't fit into memory is decoded while training), `always` or `never`.
        data_workers: processes that decode streamed images; 0 takes one for the CPU and up to 8 for a GPU.

    Raises:
        BadInput: a value that no run can be trained with.
    """
    overrides: dict[str, Any] = {
        "augment": augment,
        "width": width,
        "stem": stem,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "warmup_epochs": warmup_epochs,
    }
    recipe_of(dataset)  # refuses what is no data set
    filled = replace(
        recipe_of(recipe or dataset), **{name: value for name, value in overrides.items() if value is not None}
    )
    architecture = resolve_architecture(
        variant, depth, width=filled.width, stem=filled.stem, shortcut=shortcut, family=family
    )
    device, precision = resolve_device(device, precision)
    return RunConfig(
        variant=variant,
        depth=depth,
        seed=seed,
        dataset=dataset,
        image_size=image_size,
        data_dir=os.path.abspath(os.path.expanduser(data_dir or cache_folder())),
        augment=filled.augment,
        family=architecture.family,
        stem=architecture.stem,
        shortcut=architecture.shortcut,
        width=architecture.width,
        epochs=filled.epochs,
        batch_size=filled.batch_size,
        lr=float(filled.lr),
        momentum=float(filled.momentum),
        weight_decay=float(filled.weight_decay),
        schedule=filled.schedule,
        warmup_epochs=filled.warmup_epochs,
        device=device,
        precision=precision,
        threads=threads,
        conv_bias=conv_bias,
        projection_norm=projection_norm,
        train_images=train_images,
        test_images=test_images,
        validation_share=float(validation_share),
        keep_last_batch=keep_last_batch,
        compile=compile,
        cuda_graph=cuda_graph,
        stream=stream,
        data_workers=data_workers,
    )
