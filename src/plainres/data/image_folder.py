"""A folder of images, `train/CLASS/FILE` and `test/CLASS/FILE` (or `val/`): decoded once if they fit, else streamed."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from plainres.config import DEFAULT_DATA_DIR
from plainres.data.cache import cached, content_digest, listing_digest
from plainres.data.decode import EXTENSIONS, Shape, decode, header_shape
from plainres.data.progress import with_bar
from plainres.data.splits import AnySplit, Split
from plainres.data.streaming import StreamedSplit
from plainres.data.unsplit import Request, Unsplit
from plainres.errors import BadInput


def load(request: Request) -> Unsplit:
    """The images of a folder; raises as `read_image_folder` does."""
    cache_dir = Path(DEFAULT_DATA_DIR).expanduser() / "decoded"
    data_dir = request.data_dir
    splits = read_image_folder(data_dir, request.image_size, cache_dir, request.memory, request.workers)
    return Unsplit(*splits, tuple(class_names(data_dir / "train")))


def read_image_folder(
    data_dir: Path, image_size: int, cache_dir: Path, memory: int = sys.maxsize, workers: int = 0
) -> tuple[AnySplit, AnySplit]:
    """The training and the test images of a folder.

    Args:
        data_dir: holds `train/` and `test/` (else `val/`), each with one folder a class, the same ones in both.
        image_size: side in pixels that images are resized to, aspect ratio kept and the rest black; 0 keeps theirs.
        cache_dir: where the decoded images are kept, under a name that changes with the content of the files.
        memory: bytes that the decoded images may take; if they are more, they're streamed from their files.
        workers: processes that decode streamed images, as in `StreamedSplit`.

    Returns:
        Two splits of uint8 images (C, H, W), C = 1 where every image is grey, else 3.

    Raises:
        BadInput: folders that are missing, empty or differ, a file that can't be decoded, or images of several sizes.
    """
    train, test = data_dir / "train", data_dir / "test"
    if not test.is_dir():
        test = data_dir / "val"
    classes = class_names(train)
    if class_names(test) != classes:
        raise BadInput(
            f"{train} and {test} don't have the same classes: {', '.join(set(classes) ^ set(class_names(test)))}"
        )
    of_class = [[_files(folder / name) for name in classes] for folder in (train, test)]
    files = [[path for paths in folder for path in paths] for folder in of_class]
    labels = [torch.tensor([label for label, paths in enumerate(folder) for _ in paths]) for folder in of_class]
    listings = [listing_digest(paths) for paths in files]
    shapes = [_shape(*split, image_size, cache_dir) for split in zip(files, listings, strict=True)]
    if shapes[0] != shapes[1]:
        both = " and ".join(map(str, shapes))
        raise BadInput(f"the images of {train} and {test} differ in shape ({both}); --image-size makes them alike")
    if math.prod(shapes[0]) * sum(map(len, files)) > memory:
        splits = [
            StreamedSplit(paths, of, shapes[0], resized=image_size > 0, cache_dir=cache_dir, workers=workers)
            for paths, of in zip(files, labels, strict=True)
        ]
        return splits[0], splits[1]
    images = [
        torch.from_numpy(_decoded(*split, shapes[0], image_size, cache_dir))
        for split in zip(files, listings, strict=True)
    ]
    return Split(images[0], labels[0]), Split(images[1], labels[1])


def class_names(folder: Path) -> list[str]:
    """The folders of `train/` or `test/`, in the order of their labels."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is missing: a folder of images has train/CLASS/FILE and test/CLASS/FILE or val/...")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if len(names) < 2:
        raise BadInput(f"{folder} holds {len(names)} class folders; there must be two or more")
    return names


def _files(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise BadInput(f"{folder} holds no images")
    return paths


def _shape(paths: list[Path], listing: str, image_size: int, cache_dir: Path) -> Shape:
    """The shape (C, H, W) that all these images have, or get; from their headers, which are read once."""

    def read() -> np.ndarray:
        with ThreadPoolExecutor() as threads:
            return np.array(list(with_bar(threads.map(header_shape, paths), len(paths), "reading headers")))

    shapes = cached(cache_dir, ("headers", listing), read)
    channels = int(shapes[:, 0].max())
    if image_size:
        return channels, image_size, image_size
    others = np.flatnonzero((shapes[:, 1:] != shapes[0, 1:]).any(1))
    if len(others):
        (height, width), (other_height, other_width) = shapes[0, 1:], shapes[others[0], 1:]
        raise BadInput(
            f"images differ in size ({paths[0]} {width} x {height}, {paths[others[0]]} {other_width} x {other_height} "
            "pixels); --image-size makes them alike"
        )
    return channels, int(shapes[0, 1]), int(shapes[0, 2])


def _decoded(paths: list[Path], listing: str, shape: Shape, image_size: int, cache_dir: Path) -> np.ndarray:
    """The pixels of all these images, (N, C, H, W)."""

    def read() -> np.ndarray:
        images = np.empty((len(paths), *shape), np.uint8)
        with ThreadPoolExecutor() as threads:
            decoded = threads.map(partial(decode, shape=shape, resized=image_size > 0), paths)
            for index, image in enumerate(with_bar(decoded, len(paths), "decoding images")):
                images[index] = image
        return images

    return cached(cache_dir, ("images", content_digest(paths, listing, cache_dir), shape, image_size), read)
