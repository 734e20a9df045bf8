"""Loading a data set by its name."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor

from plainres.data.catalogue import facts_of, loader_of
from plainres.data.memory import memory_for_images
from plainres.data.resize import resize
from plainres.data.split_sizes import check_batch_size, draw_size, validation_size
from plainres.data.splits import AnySplit, ImageDataset, Split, carve, index_hash
from plainres.data.unsplit import Request
from plainres.errors import BadInput
from plainres.settings import RunConfig


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
    """A data set by its name; loaded once a process.

    A folder of images that takes more than `memory` bytes is streamed. The other arguments are those of `configure`.

    Raises:
        BadInput: its files are not in `data_dir` and can't be downloaded, they are damaged, it has fewer images than
            are asked for, or others than those that `content` stands for.
    """
    whole = loader_of(name)(Request(name, Path(data_dir), image_size, memory, data_workers))
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
