from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plainres.data import AnySplit, dataset_of, load_dataset
from plainres.data.batches import Normalise, shuffled_batches
from plainres.data.image_folder import read_image_folder
from plainres.data.splits import Split
from plainres.data.streaming import StreamedSplit
from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.training import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 30 training and 8 test images of noise, of two sizes."""
    rng = np.random.default_rng(0)
    data_dir = tmp_path_factory.mktemp("streamed")
    for split, count in (("train", 30), ("test", 8)):
        for label in ("cat", "dog"):
            (data_dir / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (9, 8 + number % 2, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(data_dir / split / label / f"{number}.png")
    return data_dir


def both(folder: Path, cache: Path) -> tuple[AnySplit, AnySplit]:
    """The training images in memory and streamed."""
    return read_image_folder(folder, 8, cache).training, read_image_folder(folder, 8, cache, memory=0).training


@pytest.mark.parametrize("workers", [1, 2])
def test_streamed_batches_are_those_of_memory_whatever_the_workers_timing(
    folder: Path, tmp_path: Path, workers: int
) -> None:
    memory = read_image_folder(folder, 8, tmp_path).training
    streamed = read_image_folder(folder, 8, tmp_path, memory=0, workers=workers).training
    assert (type(memory), type(streamed)) == (Split, StreamedSplit)
    normalise = Normalise(torch.zeros(3), torch.ones(3))
    for held, read in zip(
        shuffled_batches(memory, 16, normalise, torch.Generator().manual_seed(5), "crop-flip"),
        shuffled_batches(streamed, 16, normalise, torch.Generator().manual_seed(5), "crop-flip"),
        strict=True,
    ):
        assert torch.equal(held[0], read[0])
        assert torch.equal(held[1], read[1])


def test_batches_cross_to_the_device_as_bytes(folder: Path, tmp_path: Path) -> None:
    _, streamed = both(folder, tmp_path)
    images, _ = next(streamed.batches(torch.arange(4), 4))
    assert images.dtype == torch.uint8
    assert images.shape == (4, 3, 8, 8)


def test_parts_and_channel_counts_are_those_of_memory(folder: Path, tmp_path: Path) -> None:
    memory, streamed = both(folder, tmp_path)
    some = np.array([40, 3, 7])
    assert torch.equal(memory.take(some), streamed.take(some))
    assert torch.equal(memory.select(some).labels, streamed.select(some).labels)
    assert torch.equal(memory.select(some).histogram(), streamed.select(some).histogram())
    assert torch.equal(memory.histogram(), streamed.histogram())
    assert int(streamed.histogram().sum()) == 60 * 3 * 8 * 8


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    load_dataset.cache_clear()


@pytest.mark.usefixtures("home")
def test_a_run_that_streams_is_the_run_in_memory_to_the_bit(folder: Path, tiny: Callable[..., RunConfig]) -> None:
    records = []
    for stream in ("never", "always"):
        config = tiny(
            dataset="imagefolder",
            data_dir=str(folder),
            recipe="cifar10",
            image_size=8,
            batch_size=16,
            epochs=2,
            stream=stream,
        )
        records.append([dict(record.metrics) for record in train(config)])
    for record in (*records[0], *records[1]):
        for name in ("images_per_second", "final/seconds"):
            record.pop(name, None)
    assert records[0] == records[1]


def test_how_images_are_read_makes_no_other_run(folder: Path, tiny: Callable[..., RunConfig]) -> None:
    settings = {"dataset": "imagefolder", "data_dir": str(folder), "image_size": 8}
    hashes = {tiny(**settings, stream=how).config_hash for how in ("auto", "always", "never")}
    assert len(hashes | {tiny(**settings, data_workers=3).config_hash}) == 1


@pytest.mark.usefixtures("home")
def test_images_stream_when_they_take_more_than_their_share_of_memory(
    folder: Path, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(dataset="imagefolder", data_dir=str(folder), image_size=8, batch_size=8)
    assert isinstance(dataset_of(config).train, Split)
    monkeypatch.setattr("plainres.data.loading._machine_memory", lambda: 10_000)
    assert isinstance(dataset_of(config).train, StreamedSplit)


@pytest.mark.usefixtures("home")
def test_only_folders_can_be_streamed(tiny: Callable[..., RunConfig]) -> None:
    with pytest.raises(BadInput, match="digits is kept in memory"):
        tiny(stream="always")


def test_a_file_that_breaks_while_training_is_named_in_a_line(folder: Path, tmp_path: Path) -> None:
    _, streamed = both(folder, tmp_path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(streamed.paths[0].read_bytes()[:50])  # type: ignore[union-attr]
    with_broken = StreamedSplit([broken], torch.zeros(1), (3, 8, 8), resized=True, cache_dir=tmp_path)
    with pytest.raises(BadInput, match=r"broken\.png can't be decoded as an image") as refusal:
        list(with_broken.batches(torch.arange(1), 1))
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(str(broken))


@pytest.mark.cuda
def test_streamed_batches_come_to_a_gpu_as_those_of_memory(folder: Path, tmp_path: Path) -> None:
    memory, streamed = (split.to(torch.device("cuda")) for split in both(folder, tmp_path))
    order = torch.randperm(60)
    for held, read in zip(memory.batches(order, 7), streamed.batches(order, 7), strict=True):
        assert read[0].is_cuda
        assert torch.equal(held[0], read[0])
        assert torch.equal(held[1], read[1])
