"""Loads a data set by its name: as many of its images as are asked for, of one size, split, if they fit into memory."""

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from plainres.data.catalogue import ImageRequest, facts_of, loader_of
from plainres.data.decode import pad_to
from plainres.data.shares import check_batch_size, draw_size, validation_size
from plainres.data.splits import AnySplit, ImageDataset, Split, carve, index_hash
from plainres.errors import BadInput
from plainres.settings import RunConfig

SHARE = 0.25  # of the memory, that images may take
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def dataset_of(config: RunConfig) -> ImageDataset:
    """Load the data set that a run is trained on; raises as `load_dataset`, and for a batch larger than its images."""
    dataset = load_dataset(
        config.dataset,
        config.data_dir,
        config.image_size,
        config.train_images,
        config.test_images,
        config.validation_share,
        memory_for_images(config),
        config.data_workers,
        config.data_content,
    )
    check_batch_size(config, len(dataset.train))
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
    content: str = "",
) -> ImageDataset:
    """Load a data set by its name, once a process.

    A folder of images that takes more than `memory` bytes is streamed. The other arguments are those of `configure`.

    Raises:
        BadInput: its files are not in `data_dir` and can't be downloaded, they are damaged, it has fewer images than
            are asked for, or others than those that `content` stands for.
    """
    whole = loader_of(name)(ImageRequest(name, Path(data_dir), image_size, memory, data_workers))
    if content and whole.content != content:
        raise BadInput(f"the images in {data_dir} have changed: they aren't those that the run is of")
    images = len(whole.training)
    training = _draw("training", whole.training.labels, train_images)
    own = facts_of(name).validation_images or images // 10
    held_out = validation_size(len(training), validation_share, own, images)
    stay, taken = carve(whole.training.labels[training].numpy(), held_out, "validation")
    dataset = ImageDataset(
        name=name,
        num_classes=len(whole.class_names),
        train=_select(whole.training, training[stay], image_size),
        validation=_select(whole.training, training[taken], image_size),
        test=_select(whole.test, _draw("test", whole.test.labels, test_images), image_size),
        validation_hash=index_hash(training[taken]),
        class_names=whole.class_names,
        content=whole.content,
    )
    for split in (dataset.train, dataset.validation, dataset.test):
        split.verify()
    return dataset


def _draw(what: str, labels: Tensor, wanted: int) -> np.ndarray:
    """Indices of the images that are drawn, each class in its share; 0 wants all."""
    count = draw_size(what, wanted, len(labels))
    return np.arange(len(labels)) if count == len(labels) else carve(labels.numpy(), count, what)[1]


def _select(split: AnySplit, indices: np.ndarray, image_size: int) -> AnySplit:
    """The images of these indices; of all the data set only they are resized."""
    selected = split.select(indices)
    if isinstance(selected, Split) and image_size and selected.image_shape[1:] != (image_size, image_size):
        return Split(resize(selected.images, image_size), selected.labels)
    return selected


def resize(images: Tensor, size: int) -> Tensor:
    """Resize uint8 images (N, C, H, W), C = 1 or 3, to (N, C, size, size)."""
    grey = images.shape[1] == 1
    pixels = images.permute(0, 2, 3, 1).numpy()
    resized = np.empty((len(images), size, size, images.shape[1]), np.uint8)
    for number, image in enumerate(pixels):
        padded = pad_to(Image.fromarray(image[:, :, 0] if grey else image), size)
        resized[number] = np.asarray(padded).reshape(size, size, -1)
    return torch.from_numpy(resized).permute(0, 3, 1, 2).contiguous()


def memory_for_images(config: RunConfig) -> int:
    """Return the bytes that the images of a run may take: a quarter of the memory, or of a GPU's if that's less.

    On the CPU it's shared by as many runs as the cores hold, each of which has a copy of its own. Several runs on one
    GPU each take as much: `--stream always` is for those that don't fit side by side.
    """
    if config.stream != "auto":
        return 0 if config.stream == "always" else sys.maxsize
    if config.device == "cuda" and torch.cuda.is_available():  # else it is trained elsewhere, and looked into here
        return int(SHARE * min(torch.cuda.get_device_properties(0).total_memory, _machine_memory()))
    runs = max(1, joblib.cpu_count() // config.threads)
    return int(SHARE * _machine_memory() / runs)


def _machine_memory() -> int:
    """Bytes of the machine, or of the container if it has fewer; 8 GiB where the system doesn't say."""
    if not (hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names):
        return 8 * 2**30
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # there is no such file, or it says `max`
        memory = min(memory, int(CONTAINER_LIMIT.read_text()))
    return memory
