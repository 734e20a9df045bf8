"""Holds a data set's splits of uint8 images, and carves validation and test images out of the training ones."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plainres.data.decode import Shape
from plainres.data.shares import FLAGS, check_part
from plainres.data.streaming import Batch, StreamedSplit
from plainres.errors import BadInput

# Every seed and both variants see the same splits: only weights and the order of the images differ between seeds.
SPLIT_SEED = 0


@dataclass(frozen=True)
class Split:
    """Holds images in memory, (N, C, H, W), uint8, and their labels (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> Shape:
        """Tells channels, height and width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def to(self, device: torch.device) -> "Split":
        """Return the split with both tensors on the device."""
        return Split(self.images.to(device), self.labels.to(device))

    def select(self, indices: np.ndarray) -> "Split":
        """Return the images of these indices."""
        return Split(self.images[indices], self.labels[indices])

    def take(self, indices: np.ndarray) -> Tensor:
        """Return the images of a few indices, (N, C, H, W)."""
        return self.images[indices]

    def batches(self, order: Tensor, batch_size: int) -> Iterator[Batch]:
        """Yield images (batch, C, H, W) and labels in this order of indices, on the split's device."""
        order = order.to(self.labels.device)
        for chosen in torch.split(order, batch_size):
            yield self.images[chosen], self.labels[chosen]

    def histogram(self) -> Tensor:
        """Count how often each channel has each value, (C, 256)."""
        channels = self.images.unbind(1)  # nothing larger than the images themselves is made
        return torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in channels])

    def verify(self) -> None:
        """Raise BadInput if a file can't be decoded: all have been."""


AnySplit = Split | StreamedSplit


@dataclass(frozen=True)
class Unsplit:
    """Holds all training images, and the test images."""

    training: AnySplit
    test: AnySplit
    class_names: tuple[str, ...]
    content: str = ""
    """Stands for the images, as `plainres.data.catalogue.content_of` has it."""


@dataclass(frozen=True)
class ImageDataset:
    """Holds the three splits of a data set.

    `validation_hash` tells two validation splits of the same images apart, `content` two data sets of the same name
    whose files hold other images; it's empty where the name alone says what they are.
    """

    name: str
    num_classes: int
    train: AnySplit
    validation: AnySplit
    test: AnySplit
    validation_hash: str
    class_names: tuple[str, ...]
    content: str = ""

    @property
    def sizes(self) -> dict[str, int]:
        """Counts the images in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def channel_statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel over the training split, in pixel values, each (C,)."""
        counts = self.train.histogram().double()  # of integers: no rounding
        values = torch.arange(256, dtype=torch.float64)
        images = counts.sum(1)
        mean = (counts * values).sum(1) / images
        deviation = ((counts * (values - mean[:, None]) ** 2).sum(1) / images).sqrt()
        return mean.float(), deviation.float()


def carve(labels: np.ndarray, count: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images that stay and `count` that are taken out for a split, as indices, each class in its share.

    They are always the same.
    """
    of_class = np.unique(labels, return_counts=True)[1]
    check_part(len(labels), count, len(of_class), split)
    if of_class.min() < 2:
        raise BadInput(f"a class has one image alone, which can't be both held out and kept ({len(labels)} images)")
    stay, taken = stratified(labels, count, SPLIT_SEED)
    trained_on = {"training": taken, "validation": stay}.get(split)
    if trained_on is not None and len(np.unique(labels[trained_on])) < len(of_class):
        raise BadInput(f"{count} of {len(labels)} images leave a class without any, which has few: see {FLAGS[split]}")
    return stay, taken


def stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` images, each class in its share; return indices of those that stay and of these, ascending.

    The draw is that of scikit-learn's `train_test_split(stratify=labels, random_state=seed)`, whose import takes a
    second in each process.

    Args:
        labels: (N,); each class has two images at least.
        count: at least as many as there are classes, and at most as many less than N.
        seed: of the draw.
    """
    draws = np.random.RandomState(seed)
    class_of, in_class = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    members = np.split(np.argsort(class_of, kind="stable"), np.cumsum(in_class)[:-1])
    staying = _shares(in_class, len(labels) - count, draws)
    taken = _shares(in_class - staying, count, draws)
    shuffled = [of_class[draws.permutation(len(of_class))] for of_class in members]
    stay = [of_class[:kept] for of_class, kept in zip(shuffled, staying, strict=True)]
    take = [of_class[kept : kept + out] for of_class, kept, out in zip(shuffled, staying, taken, strict=True)]
    return np.sort(np.concatenate(stay)), np.sort(np.concatenate(take))


def _shares(in_class: np.ndarray, count: int, draws: np.random.RandomState) -> np.ndarray:
    """How many images each class gives of so many; what rounding leaves goes to the largest remainders, ties drawn."""
    exact = in_class / in_class.sum() * count
    shares: np.ndarray = np.floor(exact).astype(int)
    remainders = exact - shares
    left = count - int(shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if left == 0:
            break
        (alike,) = np.where(remainders == remainder)
        chosen = draws.choice(alike, size=min(len(alike), left), replace=False)
        shares[chosen] += 1
        left -= len(chosen)
    return shares


def index_hash(indices: np.ndarray) -> str:
    """Return sixteen hex digits that stand for a set of image indices."""
    return hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()[:16]
