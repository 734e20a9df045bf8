import gzip
import hashlib
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from plainres.data import load_dataset
from plainres.errors import BadInput
from plainres.recipes import RECIPES

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
needs_fashion_mnist = pytest.mark.skipif(not FASHION_MNIST.exists(), reason="dataset-fashion-mnist isn't installed")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Where torchvision looks for Fashion-MNIST's files below `tmp_path`."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads fail at once, as on a machine without network."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", refuse)


@needs_fashion_mnist
def test_fashion_mnist_is_read_from_its_original_files(raw: Path) -> None:
    for path in FASHION_MNIST.iterdir():
        shutil.copy(path, raw)
    data_dir = str(raw.parents[1])
    dataset = load_dataset("fashion-mnist", data_dir)
    assert dataset.sizes == {"train": RECIPES["fashion-mnist"].training_images, "validation": 5000, "test": 10000}
    assert dataset.num_classes == 10
    # The published mean and deviation of all 60,000 training images are 0.2860 and 0.3530 of the range.
    mean, deviation = dataset.channel_statistics()
    assert mean.item() / 255 == pytest.approx(0.2860, abs=5e-4)
    assert deviation.item() / 255 == pytest.approx(0.3530, abs=5e-4)
    with gzip.open(FASHION_MNIST / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(10000, 1, 28, 28)
    assert np.array_equal(dataset.test.images, pixels)


def test_missing_files_are_named_where_they_cannot_be_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match=r"put \{train,t10k\}.*\.gz into .*/FashionMNIST/raw") as refusal:
        load_dataset("fashion-mnist", str(tmp_path))
    assert "\n" not in str(refusal.value)
    assert "downloading it" in capsys.readouterr().err
    with pytest.raises(BadInput, match="put cifar-10-python"):
        load_dataset("cifar10", str(tmp_path))


@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: b"\0" * len(content)])
def test_damaged_files_are_refused(raw: Path, damage: Callable[[bytes], bytes]) -> None:
    for split in ("train", "t10k"):
        images = struct.pack(">4i", 2051, 2, 28, 28) + bytes(2 * 28 * 28)
        (raw / f"{split}-images-idx3-ubyte.gz").write_bytes(damage(gzip.compress(images)))
        labels = struct.pack(">2i", 2049, 2) + bytes([0, 1])
        (raw / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    with pytest.raises(BadInput, match=r"fashion-mnist in .* can't be read") as refusal:
        load_dataset("fashion-mnist", str(raw.parents[1]))
    assert "\n" not in str(refusal.value)


def test_cifar_keeps_its_channels_and_holds_out_5000_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)  # the files are the test's own
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 3072), dtype=np.uint8)
    labels = [index % 10 for index in range(10_000)]
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels}))
    names = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(names)
    monkeypatch.setitem(datasets.CIFAR10.meta, "md5", hashlib.md5(names).hexdigest())
    dataset = load_dataset("cifar10", str(tmp_path))
    assert dataset.sizes == {"train": 45_000, "validation": 5000, "test": 10_000}
    assert np.array_equal(dataset.test.images, pixels.reshape(10_000, 3, 32, 32))
    assert torch.bincount(dataset.validation.labels).tolist() == [500] * 10
