"""A folder of images, `train/CLASS/FILE` and `test/CLASS/FILE` (or `val/`), decoded once into a cached array."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from plainres.data.resize import pad_to
from plainres.data.splits import Split
from plainres.errors import BadInput

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
GREY_MODES = {"1", "L", "I", "I;16"}


def read_image_folder(data_dir: Path, image_size: int, cache_dir: Path) -> tuple[Split, Split]:
    """The training and the test images of a folder.

    Args:
        data_dir: holds `train/` and `test/` (else `val/`), each with one folder a class, the same ones in both.
        image_size: side in pixels that images are resized to, aspect ratio kept and the rest black; 0 keeps theirs.
        cache_dir: where the decoded images are kept, under a name that changes with the files.

    Returns:
        Two splits of uint8 images (N, C, H, W), C = 1 where every image is grey, else 3.

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
    splits = []
    for folder in (train, test):
        files = {name: sorted(_files(folder / name)) for name in classes}
        paths = [path for of_class in files.values() for path in of_class]
        labels = [label for label, of_class in enumerate(files.values()) for _ in of_class]
        images = _cached(paths, image_size, cache_dir)
        splits.append(Split(torch.from_numpy(images), torch.tensor(labels)))
    if splits[0].images.shape[1:] != splits[1].images.shape[1:]:
        shapes = " and ".join(str(tuple(split.images.shape[1:])) for split in splits)
        raise BadInput(f"the images of {train} and {test} differ in shape ({shapes}); --image-size makes them alike")
    return splits[0], splits[1]


def class_names(folder: Path) -> list[str]:
    """The folders of `train/` or `test/`, in the order of their labels."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is missing: a folder of images has train/CLASS/FILE and test/CLASS/FILE or val/...")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if len(names) < 2:
        raise BadInput(f"{folder} holds {len(names)} class folders; there must be two or more")
    return names


def _files(folder: Path) -> list[Path]:
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS]
    if not paths:
        raise BadInput(f"{folder} holds no images")
    return paths


def _cached(paths: list[Path], image_size: int, cache_dir: Path) -> np.ndarray:
    """The decoded images (N, C, H, W), from the cache if it's there and whole."""
    states = [(str(path), (state := path.stat()).st_size, state.st_mtime_ns) for path in paths]
    key = hashlib.sha256(repr((image_size, states)).encode()).hexdigest()[:32]
    cache = cache_dir / f"{key}.npz"
    try:
        with np.load(cache, allow_pickle=False) as stored:
            return np.asarray(stored["images"])
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):  # not there, or damaged: a zip file has checksums
        images = _decode(paths, image_size)
    cache_dir.mkdir(parents=True, exist_ok=True)
    partial = cache.with_suffix(f".{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(file, images=images)
    partial.replace(cache)  # whole or not at all, whoever else writes it
    return images


def _decode(paths: list[Path], image_size: int) -> np.ndarray:
    with ThreadPoolExecutor() as threads:
        grey = set(threads.map(_mode, paths)) <= GREY_MODES
        images = list(threads.map(lambda path: _pixels(path, "L" if grey else "RGB", image_size), paths))
    sizes = {image.shape[:2]: path for image, path in zip(images, paths, strict=True)}
    if len(sizes) > 1:
        (shape, path), (other_shape, other) = list(sizes.items())[:2]
        raise BadInput(f"images differ in size ({path} {shape}, {other} {other_shape}); --image-size makes them alike")
    stacked = np.stack(images).reshape(len(images), *next(iter(sizes)), -1)
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError) as error:
        raise BadInput(f"{path} can't be decoded as an image") from error


def _mode(path: Path) -> str:
    with _open(path) as image:
        return image.mode


def _pixels(path: Path, mode: str, image_size: int) -> np.ndarray:
    try:
        with _open(path) as image:
            image = image.convert(mode)
    except (OSError, SyntaxError) as error:
        raise BadInput(f"{path} can't be decoded as an image: {error}") from error
    if image_size:
        image = pad_to(image, image_size)
    return np.asarray(image)
