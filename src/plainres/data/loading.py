"""Loading a data set by the name of its recipe. A new data set gets a function here and a recipe."""

import gzip
import os
import sys
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plainres.config import RunConfig, draw_size, validation_size
from plainres.data.memory import memory_for_images
from plainres.data.resize import resize
from plainres.data.splits import AnySplit, ImageDataset, Split, carve, index_hash
from plainres.errors import BadInput
from plainres.machine_folders import cache_folder

# torchvision's class, the folder below the data folder in which it looks, the files it wants there, and how those that
# are unpacked begin.
IDX_FILES = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
TORCHVISION = {
    "mnist": ("MNIST", "MNIST/raw", IDX_FILES, "train-images-idx3-ubyte"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw", IDX_FILES, "train-images-idx3-ubyte"),
    "cifar10": ("CIFAR10", ".", "cifar-10-python.tar.gz", "cifar-10-batches-py"),
    "cifar100": ("CIFAR100", ".", "cifar-100-python.tar.gz", "cifar-100-python"),
}
# Where a system's package puts the original files: Debian's dataset-fashion-mnist.
PACKAGED = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}
VALIDATION_IMAGES = 5_000  # of CIFAR as in section 4.2 of the paper, and of MNIST


@dataclass(frozen=True)
class Source:
    """A data set as it comes: all its training images, and how many of them are for validation."""

    training: AnySplit
    validation_images: int
    test: AnySplit
    class_names: tuple[str, ...]


def dataset_of(config: RunConfig) -> ImageDataset:
    """The data set that a run is trained on; raises as `load_dataset` does, and for a batch larger than its images."""
    dataset = load_dataset(
        config.dataset,
        config.data_dir,
        config.image_size,
        config.train_images,
        config.test_images,
        config.validation_share,
        memory_for_images(config),
        config.data_workers,
    )
    config.check_batch_size(len(dataset.train))
    return dataset


@cache
def load_dataset(
    name: str,
    data_dir: str = "",
    image_size: int = 0,
    train_images: int = 0,
    test_images: int = 0,
    validation_share: float = 0.0,
    memory: int = sys.maxsize,
    data_workers: int = 0,
) -> ImageDataset:
    """A data set by its name; loaded once a process.

    A folder of images that takes more than `memory` bytes is streamed. The other arguments are those of `configure`.

    Raises:
        BadInput: its files are not in `data_dir` and can't be downloaded, they are damaged, or it has fewer images than
            are asked for.
    """
    if name == "digits":
        source = load_digits()
    elif name == "imagefolder":
        source = load_image_folder(Path(data_dir), image_size, memory, data_workers)
    else:
        source = load_torchvision(name, Path(data_dir))
    training = _draw("training", source.training.labels, train_images)
    held_out = validation_size(len(training), validation_share, source.validation_images, len(source.training))
    stay, taken = carve(source.training.labels[training].numpy(), held_out)
    dataset = ImageDataset(
        name=name,
        num_classes=len(source.class_names),
        train=_select(source.training, training[stay], image_size),
        validation=_select(source.training, training[taken], image_size),
        test=_select(source.test, _draw("test", source.test.labels, test_images), image_size),
        validation_hash=index_hash(training[taken]),
        class_names=source.class_names,
    )
    for split in (dataset.train, dataset.validation, dataset.test):
        split.verify()
    return dataset


def load_digits() -> Source:
    """scikit-learn's digits: 1,797 images of 8x8 pixels with values 0 to 16, ten classes, split 1,293 / 144 / 360.

    They come without a test split, so a fixed fifth of each class becomes one; a tenth of the rest is for validation.
    """
    from sklearn.datasets import load_digits as load

    digits = load()
    images = torch.from_numpy(digits.images.astype(np.uint8)[:, None])
    labels = torch.from_numpy(digits.target.astype(np.int64))
    rest, test = carve(labels.numpy(), 360)
    return Source(
        Split(images[rest], labels[rest]), 144, Split(images[test], labels[test]), tuple(map(str, digits.target_names))
    )


def load_torchvision(name: str, data_dir: Path) -> Source:
    """MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100 by torchvision, which downloads them and checks their integrity."""
    from torchvision import datasets

    class_name, folder, files, _ = TORCHVISION[name]
    make = getattr(datasets, class_name)

    def read(root: Path, *, train: bool) -> Any:
        try:
            return make(root, train=train)
        except RuntimeError:
            print(f"{name} is not in {data_dir}: downloading it", file=sys.stderr)
        try:
            return make(root, train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise BadInput(
                f"{name} can't be downloaded: put {files} into {data_dir / folder}, or take a data set at hand: "
                + ", ".join(at_hand(data_dir))
            ) from error

    try:
        with TemporaryDirectory() as temporary:
            root = data_dir
            if any(data_dir.glob("*-ubyte.gz")):  # the bare files, as a system's package installs them
                root = Path(temporary)
                _unpack(data_dir, root / folder)
            _unpack(root / folder, root / folder)
            training, test = read(root, train=True), read(root, train=False)
            splits = _split_of(training), _split_of(test)
    except BadInput:
        raise
    except (ValueError, OSError, EOFError, AssertionError, zlib.error) as error:
        raise BadInput(f"the files of {name} in {data_dir / folder} can't be read: {error}") from error
    # MNIST's classes are called "0 - zero" and so on.
    names = tuple(name.partition(" - ")[0] for name in training.classes)
    return Source(splits[0], VALIDATION_IMAGES, splits[1], names)


def at_hand(data_dir: Path) -> list[str]:
    """The data sets that need no download, as the flags that choose them."""
    return [
        "--dataset digits",
        *(
            f"--dataset {name}"
            for name, (_, folder, _, begin) in TORCHVISION.items()
            if any((data_dir / folder).glob(f"{begin}*"))
        ),
        *(f"--dataset {name} --data-dir {folder}" for name, folder in PACKAGED.items() if folder.exists()),
    ]


def load_image_folder(data_dir: Path, image_size: int, memory: int, workers: int) -> Source:
    """A folder of images, a tenth of whose training images is for validation."""
    from plainres.data.image_folder import class_names, read_image_folder

    training, test = read_image_folder(data_dir, image_size, cache_folder() / "decoded", memory, workers)
    return Source(training, len(training) // 10, test, tuple(class_names(data_dir / "train")))


def _unpack(packed_folder: Path, folder: Path) -> None:
    """Unpack files as `train-images-idx3-ubyte.gz`, which torchvision only does for those it downloaded itself."""
    for packed in packed_folder.glob("*-ubyte.gz"):
        folder.mkdir(parents=True, exist_ok=True)
        unpacked = folder / packed.stem
        if not unpacked.exists():
            content = gzip.decompress(packed.read_bytes())
            partial = unpacked.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.replace(unpacked)


def _split_of(dataset: Any) -> Split:
    """torchvision's arrays, (N, H, W) of MNIST or (N, H, W, C) of CIFAR, as a split."""
    images = torch.as_tensor(dataset.data)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return Split(images, torch.as_tensor(dataset.targets, dtype=torch.int64))


def _draw(what: str, labels: Tensor, wanted: int) -> np.ndarray:
    """Indices of the images that are drawn, each class in its share; 0 wants all."""
    count = draw_size(what, wanted, len(labels))
    return np.arange(len(labels)) if count == len(labels) else carve(labels.numpy(), count)[1]


def _select(split: AnySplit, indices: np.ndarray, image_size: int) -> AnySplit:
    """The images of these indices; of all the data set only they are resized."""
    selected = split.select(indices)
    if isinstance(selected, Split) and image_size and selected.image_shape[1:] != (image_size, image_size):
        return Split(resize(selected.images, image_size), selected.labels)
    return selected
