"""Loading a data set by the name of its recipe. A new data set gets a function here and a recipe."""

import gzip
import os
import sys
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch

from plainres.config import DEFAULT_DATA_DIR, RunConfig
from plainres.data.splits import ImageDataset, Split, carve, index_hash
from plainres.errors import BadInput

# torchvision's class, the folder below the data folder in which it looks, and the files it wants there.
IDX_FILES = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
TORCHVISION = {
    "mnist": ("MNIST", "MNIST/raw", IDX_FILES),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw", IDX_FILES),
    "cifar10": ("CIFAR10", ".", "cifar-10-python.tar.gz"),
    "cifar100": ("CIFAR100", ".", "cifar-100-python.tar.gz"),
}
VALIDATION_IMAGES = 5_000  # of CIFAR as in section 4.2 of the paper, and of MNIST


def dataset_of(config: RunConfig) -> ImageDataset:
    """The data set that a run is trained on; raises as `load_dataset` does, and for a batch larger than its images."""
    dataset = load_dataset(config.dataset, config.data_dir, config.image_size)
    config.check_batch_size(len(dataset.train))
    return dataset


@cache
def load_dataset(name: str, data_dir: str = "", image_size: int = 0) -> ImageDataset:
    """A data set by its name; loaded once a process. `data_dir` and `image_size` are those of `configure`.

    Raises:
        BadInput: its files are not in `data_dir` and can't be downloaded, or they are damaged.
    """
    if name == "digits":
        return load_digits()
    if name == "imagefolder":
        return load_image_folder(Path(data_dir), image_size)
    return load_torchvision(name, Path(data_dir))


def load_digits() -> ImageDataset:
    """scikit-learn's digits: 1,797 images of 8x8 pixels with values 0 to 16, ten classes, split 1,293 / 144 / 360.

    They come without a test split, so a fixed fifth of each class becomes one; a tenth of the rest is for validation.
    """
    from sklearn.datasets import load_digits as load

    digits = load()
    images = torch.from_numpy(digits.images.astype(np.uint8)[:, None])
    labels = torch.from_numpy(digits.target.astype(np.int64))
    rest, test = carve(labels.numpy(), 360)
    return _with_validation("digits", Split(images[rest], labels[rest]), Split(images[test], labels[test]), 144)


def load_torchvision(name: str, data_dir: Path) -> ImageDataset:
    """MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100 by torchvision, which downloads them and checks their integrity."""
    from torchvision import datasets

    class_name, folder, files = TORCHVISION[name]
    make = getattr(datasets, class_name)

    def read(*, train: bool) -> Split:
        try:
            return _split_of(make(data_dir, train=train))
        except RuntimeError:
            print(f"{name} is not in {data_dir}: downloading it", file=sys.stderr)
        try:
            return _split_of(make(data_dir, train=train, download=True))
        except (OSError, RuntimeError) as error:
            raise BadInput(f"{name} can't be downloaded: put {files} into {data_dir / folder}") from error

    try:
        _unpack(data_dir / folder)
        training, test = read(train=True), read(train=False)
    except BadInput:
        raise
    except (ValueError, OSError, EOFError, AssertionError, zlib.error) as error:
        raise BadInput(f"the files of {name} in {data_dir / folder} can't be read: {error}") from error
    return _with_validation(name, training, test, VALIDATION_IMAGES)


def load_image_folder(data_dir: Path, image_size: int) -> ImageDataset:
    """A folder of images, a tenth of whose training images is for validation."""
    from plainres.data.image_folder import read_image_folder

    training, test = read_image_folder(data_dir, image_size, Path(DEFAULT_DATA_DIR).expanduser() / "decoded")
    return _with_validation("imagefolder", training, test, len(training) // 10)


def _unpack(folder: Path) -> None:
    """Unpack files as `train-images-idx3-ubyte.gz`, which torchvision only does for those it downloaded itself."""
    for packed in folder.glob("*-ubyte.gz"):
        unpacked = packed.with_suffix("")
        if not unpacked.exists():
            content = gzip.decompress(packed.read_bytes())
            partial = unpacked.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.replace(unpacked)


def _split_of(dataset: object) -> Split:
    """torchvision's arrays, (N, H, W) of MNIST or (N, H, W, C) of CIFAR, as a split."""
    images = torch.as_tensor(dataset.data)  # type: ignore[attr-defined]
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return Split(images, torch.as_tensor(dataset.targets, dtype=torch.int64))  # type: ignore[attr-defined]


def _with_validation(name: str, training: Split, test: Split, validation_images: int) -> ImageDataset:
    """The data set whose validation split is carved out of the training images."""
    stay, taken = carve(training.labels.numpy(), validation_images)
    return ImageDataset(
        name=name,
        num_classes=int(training.labels.max()) + 1,
        train=Split(training.images[stay], training.labels[stay]),
        validation=Split(training.images[taken], training.labels[taken]),
        test=test,
        validation_hash=index_hash(taken),
    )
