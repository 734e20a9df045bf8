"""Reads a folder of images as splits: decoded once if they fit into memory, else streamed."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from plainres.data.cache import cached
from plainres.data.catalogue import ImageRequest
from plainres.data.decode import RULES, Shape, decode, header_shape
from plainres.data.folder_files import SplitFiles, content_of_files, decoded_cache, list_files
from plainres.data.notices import shown, with_bar
from plainres.data.splits import AnySplit, Split, Unsplit
from plainres.data.streaming import StreamedSplit
from plainres.errors import BadInput


def load(request: ImageRequest) -> Unsplit:
    """Read the images of a folder; raises as `read_image_folder` does."""
    return read_image_folder(request.data_dir, request.image_size, decoded_cache(), request.memory, request.workers)


def read_image_folder(
    data_dir: Path, image_size: int, cache_dir: Path, memory: int = sys.maxsize, workers: int = 0
) -> Unsplit:
    """Read the images of a folder, uint8 (C, H, W), C = 1 where every image of both splits is grey, else 3.

    Args:
        data_dir: holds `train/` and `test/` (else `val/`), each with one folder a class, the same ones in both.
        image_size: side in pixels that images are resized to, aspect ratio kept and the rest black; 0 keeps theirs.
        cache_dir: where the decoded images are kept, under a name that changes with the content of the files.
        memory: bytes that the decoded images may take; if they are more, they're streamed from their files.
        workers: processes that decode streamed images, as in `StreamedSplit`.

    Raises:
        BadInput: folders that are missing, empty or differ, a file that can't be decoded, or images of several sizes.
    """
    files = list_files(data_dir)
    shape = _shape(files, image_size, cache_dir)
    names = tuple(map(shown, files[0].of_class))
    content = content_of_files(*files, cache_dir)
    streamed = math.prod(shape) * sum(len(split.paths) for split in files) > memory
    splits: list[AnySplit] = []
    for split in files:
        labels = torch.tensor(split.labels)
        if streamed:
            splits.append(StreamedSplit(split.paths, labels, shape, image_size > 0, cache_dir, workers))
        else:
            splits.append(Split(torch.from_numpy(_decoded(split, shape, image_size, cache_dir)), labels))
    return Unsplit(splits[0], splits[1], names, content)


def _shape(files: tuple[SplitFiles, SplitFiles], image_size: int, cache_dir: Path) -> Shape:
    """The shape (C, H, W) that all images of both splits have, or get; from their headers, which are read once."""
    paths = [path for split in files for path in split.paths]

    def read() -> np.ndarray:
        with ThreadPoolExecutor() as threads:
            return np.array(list(with_bar(threads.map(header_shape, paths), len(paths), "reading headers")))

    shapes = cached(cache_dir, ("headers", *(split.listing for split in files), RULES), read)
    channels = int(shapes[:, 0].max())
    if image_size:
        return channels, image_size, image_size
    others = np.flatnonzero((shapes[:, 1:] != shapes[0, 1:]).any(1))
    if len(others):
        (height, width), (other_height, other_width) = shapes[0, 1:], shapes[others[0], 1:]
        raise BadInput(
            f"images differ in size ({shown(paths[0])} {width} x {height}, {shown(paths[others[0]])} {other_width} x "
            f"{other_height} pixels); --image-size makes them alike"
        )
    return channels, int(shapes[0, 1]), int(shapes[0, 2])


def _decoded(split: SplitFiles, shape: Shape, image_size: int, cache_dir: Path) -> np.ndarray:
    """The pixels of all these images, (N, C, H, W)."""

    def read() -> np.ndarray:
        images = np.empty((len(split.paths), *shape), np.uint8)
        with ThreadPoolExecutor() as threads:
            decoded = threads.map(partial(decode, shape=shape, resized=image_size > 0), split.paths)
            for index, image in enumerate(with_bar(decoded, len(split.paths), "decoding images")):
                images[index] = image
        return images

    return cached(cache_dir, ("images", split.content(cache_dir), shape, image_size, RULES), read)
