"""Says how many images each split gets, and which of a batch each process gets, without the images themselves."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from plainres.errors import BadInput
from plainres.settings import RunConfig

if TYPE_CHECKING:  # it takes a while to import
    from torch import Tensor

FLAGS = {"training": "--train-images", "test": "--test-images", "validation": "--validation-share"}  # of a split's size


def draw_size(what: str, wanted: int, images: int) -> int:
    """Return how many of a split's images are drawn: `wanted`, or all where that is 0.

    Raises:
        BadInput: there are fewer than are wanted.
    """
    if wanted > images:
        raise BadInput(f"{wanted} {what} images are asked for; there are {images}")
    return wanted or images


def check_part(images: int, count: int, classes: int, split: str) -> None:
    """Raise BadInput if `count` of the images can't be taken so that each class is among them and among the rest.

    Args:
        images, count, classes: how many there are.
        split: that they are taken for, one of `FLAGS`.
    """
    if count > images:
        raise BadInput(f"{count} images are wanted of {images} that there are: see {FLAGS[split]}")
    if not classes <= count <= images - classes:
        raise BadInput(
            f"{count} of {images} images can't have all {classes} classes among them and among the rest: see "
            f"{FLAGS[split]}"
        )


def validation_size(drawn: int, share: float, own: int, images: int) -> int:
    """Return how many of the drawn training images are held out for validation, rounded up.

    Args:
        drawn: training images that were drawn.
        share: of them for validation; 0 for the data set's own.
        own: images that the whole data set holds out, of `images`.
    """
    return math.ceil(drawn * (Fraction(str(share)) if share else Fraction(own, images)))


def check_batch_size(config: RunConfig, training_images: int) -> None:
    """Raise BadInput if a run's batches can't be made of so many training images."""
    if config.keep_last_batch:
        if training_images % config.batch_size == 1:
            raise BadInput(
                f"batches of {config.batch_size} leave one of {training_images} training images over, which batch norm "
                "can't normalise"
            )
    elif config.batch_size > training_images:
        raise BadInput(
            f"batch size {config.batch_size} is above the {training_images} training images of {config.dataset}"
        )


@dataclass(frozen=True)
class Share:
    """Says which process of how many works on a batch; a single one has it all."""

    rank: int = 0
    processes: int = 1

    def of(self, whole: "Tensor", dim: int = 0) -> "Tensor":
        """Return its part along a dimension, consecutive; what is left over goes to the first ranks, one each."""
        return whole.tensor_split(self.processes, dim)[self.rank]


WHOLE = Share()


def check_shares(config: RunConfig, processes: int, training_images: int | None = None) -> None:
    """Raise BadInput if a run can't be trained by so many processes, each with its share of every batch."""
    if config.norm_shares not in (1, processes):
        raise BadInput(
            f"norm shares {config.norm_shares} take as many processes: torchrun --nproc-per-node {config.norm_shares}"
        )
    if processes == 1:
        return
    least = 1 if config.norm_shares == 1 else 2
    last = (training_images or 0) % config.batch_size if config.keep_last_batch else 0
    smallest = last or config.batch_size
    if smallest < least * processes:
        raise BadInput(
            f"a batch of {smallest} can't be shared by {processes} processes, of which each needs "
            f"{'an image' if least == 1 else 'two images, the fewest that batch norm can normalise'}"
        )
    if config.compile or config.device == "mps":
        what = "--compile" if config.compile else "device mps"
        raise BadInput(f"{what} isn't for runs that several processes train: leave it out, or torchrun")
