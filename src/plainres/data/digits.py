"""scikit-learn's digits."""

import numpy as np
import torch

from plainres.data.splits import Split, carve
from plainres.data.unsplit import Request, Unsplit


def load(_: Request) -> Unsplit:
    """1,797 images of 8x8 pixels with values 0 to 16, ten classes; they come inside scikit-learn's package.

    They come without a test split, so a fixed fifth of each class becomes one.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.uint8)[:, None])
    labels = torch.from_numpy(digits.target.astype(np.int64))
    rest, test = carve(labels.numpy(), 360)
    return Unsplit(
        Split(images[rest], labels[rest]), Split(images[test], labels[test]), tuple(map(str, digits.target_names))
    )
