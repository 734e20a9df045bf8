"""Loading a data set by the name of its recipe. A new data set gets a function here and a recipe."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from plainres.data.splits import ImageDataset, Split, carve, index_hash


@cache
def load_dataset(name: str) -> ImageDataset:
    """The data set of a recipe; loaded once a process."""
    return LOADERS[name]()


def load_digits() -> ImageDataset:
    """scikit-learn's digits: 1,797 images of 8x8 pixels with values 0 to 16, ten classes, split 1,293 / 144 / 360.

    They come without a test split, so a fixed fifth of each class becomes one; a tenth of the rest is for validation.
    """
    from sklearn.datasets import load_digits as load

    digits = load()
    images = digits.images.astype(np.uint8)[:, None]
    labels = digits.target.astype(np.int64)
    rest, test = carve(labels, 360)
    rest_train, rest_validation = carve(labels[rest], 144)

    def split(indices: np.ndarray) -> Split:
        return Split(torch.from_numpy(images[indices]), torch.from_numpy(labels[indices]))

    return ImageDataset(
        name="digits",
        num_classes=10,
        train=split(rest[rest_train]),
        validation=split(rest[rest_validation]),
        test=split(test),
        validation_hash=index_hash(rest[rest_validation]),
    )


LOADERS: dict[str, Callable[[], ImageDataset]] = {"digits": load_digits}
