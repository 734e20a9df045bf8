"""Reads published data sets: digits in scikit-learn's file; MNIST, Fashion-MNIST and CIFAR by torchvision."""

import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from plainres.data.catalogue import CATALOGUE, ImageRequest
from plainres.data.idx_files import FILES, FOLDERS, content_of_files, files_at_hand
from plainres.data.notices import shown
from plainres.data.splits import Split, Unsplit, carve
from plainres.errors import BadInput

# torchvision's class, the folder below the data folder in which it looks, the files it wants there, and how those that
# are unpacked begin.
IDX_FILES = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
TORCHVISION = {
    "mnist": ("MNIST", FOLDERS["mnist"], IDX_FILES, FILES[0]),
    "fashion-mnist": ("FashionMNIST", FOLDERS["fashion-mnist"], IDX_FILES, FILES[0]),
    "cifar10": ("CIFAR10", ".", "cifar-10-python.tar.gz", "cifar-10-batches-py"),
    "cifar100": ("CIFAR100", ".", "cifar-100-python.tar.gz", "cifar-100-python"),
}
# Where a system's package puts the original files: Debian's dataset-fashion-mnist.
PACKAGED = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}


def load(request: ImageRequest) -> Unsplit:
    """Load a data set by torchvision, which downloads its files where they are missing and checks their integrity.

    Raises:
        BadInput: the files can't be downloaded, or are damaged.
    """
    from torchvision import datasets

    name, data_dir = request.name, request.data_dir
    class_name, folder, files, _ = TORCHVISION[name]
    make = getattr(datasets, class_name)

    def read(root: Path, *, train: bool) -> Any:
        try:
            return make(root, train=train)
        except RuntimeError:
            if idx_files:  # which are there, and damaged
                raise
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
            idx_files = files_at_hand(name, data_dir) if name in FOLDERS else {}
            if idx_files:  # torchvision only unpacks what it downloaded itself, and looks in no other folder
                root = Path(temporary)
                (root / folder).mkdir(parents=True)
                for file, unpacked in idx_files.items():
                    (root / folder / file).write_bytes(unpacked)
            training, test = read(root, train=True), read(root, train=False)
            splits = _split_of(training), _split_of(test)
            for what, split in zip(("training", "test"), splits, strict=True):
                _check_fit(what, split, len(training.classes))
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # whatever damaged files lead torchvision into
        raise BadInput(f"the files of {name} in {data_dir / folder} can't be read: {shown(str(error))}") from error
    # MNIST's classes are called "0 - zero" and so on.
    names = tuple(name.partition(" - ")[0] for name in training.classes)
    return Unsplit(*splits, names, content_of_files(name, idx_files))


def load_digits(_: ImageRequest) -> Unsplit:
    """Load 1,797 images of 8x8 pixels, values 0 to 16, ten classes; they come inside scikit-learn's package.

    They come without a test split, so a fixed fifth of each class becomes one.
    """
    table = np.loadtxt(_digits_file(), delimiter=",", dtype=np.int64)  # 64 pixels and a label in each row
    images = torch.from_numpy(table[:, :-1].astype(np.uint8).reshape(-1, 1, 8, 8))
    labels = torch.from_numpy(table[:, -1].copy())
    rest, test = carve(labels.numpy(), 360, "test")
    return Unsplit(Split(images[rest], labels[rest]), Split(images[test], labels[test]), tuple(map(str, range(10))))


def at_hand(data_dir: Path) -> list[str]:
    """Name the data sets that need no download, as the flags that choose them."""
    return [
        *(f"--dataset {name}" for name, facts in CATALOGUE.items() if not facts.needs_files),
        *(
            f"--dataset {name}"
            for name, (_, folder, _, begin) in TORCHVISION.items()
            if any((data_dir / folder).glob(f"{begin}*"))
        ),
        *(f"--dataset {name} --data-dir {folder}" for name, folder in PACKAGED.items() if folder.exists()),
    ]


def _split_of(dataset: Any) -> Split:
    """torchvision's arrays, (N, H, W) of MNIST or (N, H, W, C) of CIFAR, as a split."""
    images = torch.as_tensor(dataset.data)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return Split(images, torch.as_tensor(dataset.targets, dtype=torch.int64))


def _check_fit(what: str, split: Split, classes: int) -> None:
    """Raise ValueError if images and labels don't fit each other."""
    if len(split.images) != len(split.labels):
        raise ValueError(f"{len(split.images)} {what} images have {len(split.labels)} labels")
    lowest, highest = split.labels.aminmax()
    if lowest < 0 or highest >= classes:
        raise ValueError(f"{what} labels go from {lowest} to {highest}, and those of {classes} classes from 0")


def _digits_file() -> Path:
    """Where scikit-learn has them; importing it takes a second."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
