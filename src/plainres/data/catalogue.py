"""Lists the data sets: what is known of each without its files, where these lie, and who loads it. Needs no torch."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput
from plainres.settings import DEFAULT_DATA_DIR
from plainres.system.files import cache_folder

if TYPE_CHECKING:
    from plainres.data.splits import Unsplit


@dataclass(frozen=True)
class Facts:
    """Holds what is known of one data set; None where only its files tell."""

    loader: str
    """`module:function`, imported when it's called; it takes an `ImageRequest` and returns an `Unsplit`."""
    training_images: int | None = None
    """Images left for training after the validation split."""
    validation_images: int | None = None
    """Images of the training files that are held out; a tenth where it's None."""
    test_images: int | None = None
    image_shape: tuple[int, int, int] | None = None
    """Channels, height and width."""
    num_classes: int | None = None
    needs_files: bool = True
    """Whether it lies in files that may be missing or damaged."""
    published: bool = True
    """Whether its name says what its images are, and where its files lie doesn't matter."""
    content: str = ""
    """`module:function` that takes its name and data folder and returns what stands for its images, as `content_of`;
    none where they can't be others."""


@dataclass(frozen=True)
class ImageRequest:
    """Says what a loader is asked for; each takes of it what it needs."""

    name: str
    data_dir: Path
    """Folder that holds, or is to hold, the files."""
    image_size: int
    """Side in pixels that images of several sizes are resized to; 0 keeps their own."""
    memory: int
    """Bytes that the images may take; more are streamed, where that's possible."""
    workers: int
    """Processes that decode streamed images, as in `StreamedSplit`."""


MNIST = Facts(
    loader="plainres.data.published_files:load",
    training_images=55_000,
    validation_images=5_000,
    test_images=10_000,
    image_shape=(1, 28, 28),
    num_classes=10,
    content="plainres.data.idx_files:content",
)
# Section 4.2 of the paper: 45k training and 5k validation images.
CIFAR10 = replace(MNIST, training_images=45_000, image_shape=(3, 32, 32), content="")

CATALOGUE = {
    "digits": Facts(
        loader="plainres.data.published_files:load_digits",
        training_images=1_293,
        validation_images=144,
        test_images=360,
        image_shape=(1, 8, 8),
        num_classes=10,
        needs_files=False,
    ),
    "mnist": MNIST,
    "fashion-mnist": MNIST,
    "cifar10": CIFAR10,
    "cifar100": replace(CIFAR10, num_classes=100),
    "imagefolder": Facts(
        loader="plainres.data.image_folder:load", published=False, content="plainres.data.folder_files:content"
    ),
}


def facts_of(dataset: str) -> Facts:
    """Return what is known of a data set.

    Raises:
        BadInput: no data set has this name.
    """
    if dataset not in CATALOGUE:
        raise BadInput(f"unknown data set {dataset!r}; choose from {', '.join(CATALOGUE)}")
    return CATALOGUE[dataset]


def loader_of(dataset: str) -> "Callable[[ImageRequest], Unsplit]":
    """Return the function that loads a data set; raises as `facts_of` does."""
    loader: Callable[[ImageRequest], Unsplit] = _function(facts_of(dataset).loader)
    return loader


def content_of(dataset: str, data_dir: str) -> str:
    """Return sixteen hex digits that stand for the images of a data set, wherever its files lie; needs no torch.

    Empty where the name says what they are: digits, CIFAR, whose checksums torchvision verifies, and MNIST's original
    files. The files are read when something about them changed since they were last read.

    Raises:
        BadInput: no data set has this name, or its files can't be read.
    """
    content = facts_of(dataset).content
    return str(_function(content)(dataset, Path(data_dir))) if content else ""


def resolved_data_dir(data_dir: str | None) -> str:
    """Return the absolute path of the data folder that was asked for, or of the default one.

    Raises:
        BadInput: `~` or `~NAME` begins it, whose home folder isn't known.
    """
    if not data_dir or data_dir == DEFAULT_DATA_DIR:
        return str(cache_folder().absolute())
    folder = os.path.expanduser(data_dir)
    if folder.startswith("~"):
        raise BadInput(f"the home folder in {data_dir} isn't known here; give the data folder's whole path")
    return os.path.abspath(folder)


def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
