"""What every command shares: parsing flags, one-line errors and exit codes."""

import inspect
import re
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, fields
from io import StringIO
from types import FrameType
from typing import Annotated, Any, TypeVar

import tyro

from plainres.errors import BadInput, StoreAway, StoreRefuses, Terminated
from plainres.recipes import RECIPES
from plainres.tracking.shown import without_credentials

FINISHED, RUN_FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

Flags = TypeVar("Flags")


def from_recipe(field: str, metavar: str) -> Any:
    """Marks a flag that's None unless given; its help shows what each recipe has, or the command's own default."""
    names: dict[object, list[str]] = {}
    for name, recipe in RECIPES.items():
        value = getattr(recipe, field)
        names.setdefault("the paper's" if value is None else value, []).append(name)
    if len(names) == 1:
        values = f"{next(iter(names))} for all"
    else:
        values = ", ".join(f"{value} for {' and '.join(of)}" for value, of in names.items())
    return with_default(f"the recipe's: {values}", metavar)


def with_default(default: str, metavar: str, stands_for: object = None) -> Any:
    """Marks a flag whose default, None if nothing else, stands for what its help shows instead."""
    return tyro.conf.arg(
        metavar=metavar,
        help_behavior_hint=lambda given: f"(default: {default if given == str(stands_for) else given})",
    )


@dataclass(frozen=True)
class RunFlags:
    """How each run is trained: the settings of `plainres.config.configure`."""

    dataset: str = "digits"
    """digits (comes with scikit-learn), mnist, fashion-mnist, cifar10, cifar100 or imagefolder (train/CLASS/FILE and
    test/CLASS/FILE or val/CLASS/FILE)."""
    recipe: Annotated[str | None, with_default("the data set's own", "STR")] = None
    """Data set whose recipe gives the defaults below. CIFAR's is that of section 4.2 of the paper: batch 128, learning
    rate 0.1 divided by 10 at 32k and 48k of 64k iterations, weight decay 1e-4, 4 pixels of padding, random crop and
    flip, 45k images for training and 5k for validation."""
    data_dir: Annotated[str | None, with_default("~/.cache/plainres", "PATH")] = None
    """Folder that holds the data set's files, or is to hold them after a download; digits need none."""
    image_size: Annotated[int, with_default("0, their own size", "INT", 0)] = 0
    """Side in pixels that images are resized to, aspect ratio kept and the rest black."""
    train_images: Annotated[int, with_default("0, all", "INT", 0)] = 0
    """Training images, validation included, drawn from all; every seed and variant gets the same."""
    test_images: Annotated[int, with_default("0, all", "INT", 0)] = 0
    """Test images, drawn likewise."""
    validation_share: Annotated[float, with_default("0, the data set's own", "FLOAT", 0.0)] = 0.0
    """Share of the training images that is held out for validation."""
    augment: Annotated[str | None, from_recipe("augment", "STR")] = None
    """none, or crop-flip: 4 pixels of padding, a random crop and a random flip."""
    epochs: Annotated[int | None, from_recipe("epochs", "INT")] = None
    """Passes over the training images."""
    batch_size: Annotated[int | None, from_recipe("batch_size", "INT")] = None
    """Images a step."""
    keep_last_batch: bool = False
    """Train on the last images of an epoch, too few to fill a batch, as well."""
    lr: Annotated[float | None, from_recipe("lr", "FLOAT")] = None
    """Peak learning rate of SGD."""
    momentum: Annotated[float | None, from_recipe("momentum", "FLOAT")] = None
    """Momentum of SGD."""
    weight_decay: Annotated[float | None, from_recipe("weight_decay", "FLOAT")] = None
    """Weight decay of SGD."""
    schedule: Annotated[str | None, from_recipe("schedule", "STR")] = None
    """Learning rate over the run: cosine, step (a tenth after 1/2 and after 3/4 of the steps) or constant."""
    warmup_epochs: Annotated[int | None, from_recipe("warmup_epochs", "INT")] = None
    """Epochs in which the learning rate first rises linearly."""
    width: Annotated[int | None, from_recipe("width", "INT")] = None
    """Channels of the first stage."""
    stem: Annotated[str | None, from_recipe("stem", "STR")] = None
    """imagenet (7x7/2 convolution and max-pool) or small (3x3 convolution)."""
    family: Annotated[str | None, with_default("the one that has the depths, four-stage first", "STR")] = None
    """four-stage or three-stage; depths 50 and 152 exist in both."""
    shortcut: Annotated[str | None, with_default("B for four-stage, A for three-stage", "STR")] = None
    """Of the residual networks: A (zero padding), B (projection where the shape changes), C (projection everywhere)."""
    conv_bias: bool = False
    """Give convolutions a bias."""
    projection_norm: bool = True
    """Let batch norm follow the projections of shortcuts B and C."""
    device: str = "auto"
    """auto (CUDA where it is, else the CPU), cpu, cuda or mps."""
    precision: str = "auto"
    """auto (bf16 where the device supports it), fp32 or bf16."""
    threads: int = 1
    """CPU threads of each run."""
    compile: bool = False
    """Run training steps through torch.compile; on a CPU it takes a minute to compile, and is slower afterwards."""
    cuda_graph: bool = True
    """Replay the training step as one CUDA graph, on a GPU."""
    stream: str = "auto"
    """auto (decode images while training if they don't fit into memory), always or never; for folders of images."""
    data_workers: Annotated[int, with_default("0: 1 for the CPU, up to 8 for a GPU", "INT", 0)] = 0
    """Processes of each run that decode streamed images."""

    @property
    def settings(self) -> dict[str, Any]:
        """The flags as arguments of `plainres.config.configure`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def run_command(flags: type[Flags], command: Callable[[Flags], int], program: str) -> int:
    """Parse the flags, run the command and return its exit code; what a person can mend becomes one line on stderr."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return command(_parse(flags, program))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except StoreAway as away:
        print(f"error: the tracking store is away ({away}); when it's back: {program} {_again()}", file=sys.stderr)
        return RUN_FAILED
    except StoreRefuses as refusal:
        print(f"error: MLflow refuses: {refusal}", file=sys.stderr)
        return RUN_FAILED
    except KeyboardInterrupt as interrupt:
        print(f"\ninterrupted; to go on: {program} {_again()}".rstrip(), file=sys.stderr)
        return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _again() -> str:
    """The arguments to go on with."""
    shown = [without_credentials(argument) if "://" in argument else argument for argument in sys.argv[1:]]
    return shlex.join(argument for argument in shown if argument != "--fresh")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _parse(flags: type[Flags], program: str) -> Flags:
    """tyro's parser, with the first statement of the box that it draws around an error as the error's line."""
    box = StringIO()
    try:
        with redirect_stderr(box):
            return tyro.cli(flags, prog=program, description=inspect.getdoc(flags))
    except SystemExit as end:
        if end.code in (0, None):
            raise
        statement = re.split(r"^│ ─+ │$", box.getvalue(), flags=re.MULTILINE)[0]
        words = re.findall(r"^│ (.*?) *│$", statement, flags=re.MULTILINE)
        raise BadInput(f"{' '.join(words)} (--help lists the flags)") from None
