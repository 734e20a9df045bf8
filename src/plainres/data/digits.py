"""scikit-learn's digits."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from plainres.data.splits import Split, carve
from plainres.data.unsplit import Request, Unsplit


def load(_: Request) -> Unsplit:
    """1,797 images of 8x8 pixels with values 0 to 16, ten classes; they come inside scikit-learn's package.

    They come without a test split, so a fixed fifth of each class becomes one.
    """
    table = np.loadtxt(_file(), delimiter=",", dtype=np.int64)  # 64 pixels and a label in each row
    images = torch.from_numpy(table[:, :-1].astype(np.uint8).reshape(-1, 1, 8, 8))
    labels = torch.from_numpy(table[:, -1].copy())
    rest, test = carve(labels.numpy(), 360, "test")
    return Unsplit(Split(images[rest], labels[rest]), Split(images[test], labels[test]), tuple(map(str, range(10))))


def _file() -> Path:
    """Where scikit-learn has them; importing it takes a second."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
