import gzip
import hashlib
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from plainres.data import load_dataset
from plainres.data.catalogue import content_of
from plainres.data.decode import pad_to
from plainres.data.loading import resize
from plainres.errors import BadInput

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
needs_fashion_mnist = pytest.mark.skipif(not FASHION_MNIST.exists(), reason="dataset-fashion-mnist isn't installed")


CIFAR10 = Path(os.environ.get("PLAINRES_CIFAR10", "cifar10"))  # a folder of images, train/CLASS/FILE and test/...


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Where torchvision looks for Fashion-MNIST's files below `tmp_path`."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


def write_idx(raw: Path, images: int) -> None:
    """MNIST's four files with so many images of noise in each split."""
    for split in ("train", "t10k"):
        pixels = np.random.default_rng(0).integers(0, 256, (images, 28, 28), dtype=np.uint8)
        labels = bytes(index % 10 for index in range(images))
        content = struct.pack(">4i", 2051, images, 28, 28) + pixels.tobytes()
        (raw / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
        (raw / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2i", 2049, images) + labels))


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
    assert dataset.sizes == {"train": 55_000, "validation": 5000, "test": 10000}
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


@needs_fashion_mnist
def test_the_bare_files_that_a_package_installs_are_read_where_they_lie(tmp_path: Path) -> None:
    dataset = load_dataset("fashion-mnist", str(FASHION_MNIST), image_size=40, train_images=256, test_images=128)
    assert dataset.sizes == {"train": 234, "validation": 22, "test": 128}  # MNIST's share: 5,000 of 60,000
    assert dataset.test.images.shape == (128, 1, 40, 40)
    assert dataset.class_names[9] == "Ankle boot"


def test_where_nothing_can_be_downloaded_the_data_sets_at_hand_are_named(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plainres.data.published_files.PACKAGED", {"fashion-mnist": raw})
    write_idx(raw, 20)
    with pytest.raises(BadInput) as refusal:
        load_dataset("mnist", str(raw.parents[1]))
    assert str(refusal.value).endswith(
        f"at hand: --dataset digits, --dataset fashion-mnist, --dataset fashion-mnist --data-dir {raw}"
    )
    monkeypatch.setattr("plainres.data.published_files.PACKAGED", {})
    with pytest.raises(BadInput, match=r"at hand: --dataset digits$"):
        load_dataset("mnist", str(raw / "nothing"))


def test_a_draw_is_a_fixed_part_of_the_data_set_with_each_class_in_its_share() -> None:
    whole = load_dataset("digits")
    part = load_dataset("digits", train_images=300, test_images=100, validation_share=0.2)
    assert part.sizes == {"train": 240, "validation": 60, "test": 100}
    rows = {image.numpy().tobytes() for split in (whole.train, whole.validation) for image in split.images}
    assert all(image.numpy().tobytes() in rows for split in (part.train, part.validation) for image in split.images)
    tests = {image.numpy().tobytes() for image in whole.test.images}
    assert all(image.numpy().tobytes() in tests for image in part.test.images)
    for split in (part.train, part.validation, part.test):
        assert (torch.bincount(split.labels) - len(split) / 10).abs().max() <= 1
    load_dataset.cache_clear()
    again = load_dataset("digits", train_images=300, test_images=100, validation_share=0.2)
    assert torch.equal(again.train.images, part.train.images)
    assert again.validation_hash == part.validation_hash != whole.validation_hash


def test_a_draw_resized_is_the_resized_draw() -> None:
    part = load_dataset("digits", train_images=300, test_images=100)
    large = load_dataset("digits", image_size=21, train_images=300, test_images=100)
    assert torch.equal(large.test.images, resize(part.test.images, 21))
    assert torch.equal(large.train.labels, part.train.labels)
    assert large.validation_hash == part.validation_hash


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"train_images": 5}, "5 of 1437 images can't have all 10 classes"), ({"train_images": 50}, "6 of 50 images")],
)
def test_a_draw_too_small_for_its_classes_is_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        load_dataset("digits", **settings)  # type: ignore[arg-type]


def test_files_other_than_the_published_ones_have_a_content_of_their_own(raw: Path) -> None:
    data_dir = str(raw.parents[1])
    assert content_of("fashion-mnist", data_dir) == ""  # those to be downloaded are checked
    write_idx(raw, 20)
    packed = content_of("fashion-mnist", data_dir)
    assert len(packed) == 16
    for path in list(raw.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert content_of("fashion-mnist", data_dir) == packed
    (raw / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 20) + bytes(20))
    assert content_of("fashion-mnist", data_dir) != packed
    write_idx(raw, 30)
    assert content_of("fashion-mnist", data_dir) != packed


@needs_fashion_mnist
def test_the_published_files_are_known() -> None:
    assert content_of("fashion-mnist", str(FASHION_MNIST)) == ""
    assert load_dataset("fashion-mnist", str(FASHION_MNIST)).content == ""
    assert content_of("mnist", str(FASHION_MNIST)) != ""  # clothes in place of digits


def test_packed_files_are_read_before_unpacked_ones_of_another_content(raw: Path) -> None:
    write_idx(raw, 6_000)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 6_000) + bytes(6_000))
    dataset = load_dataset("fashion-mnist", str(raw.parents[1]))
    assert torch.bincount(dataset.test.labels).tolist() == [600] * 10
    assert dataset.content == content_of("fashion-mnist", str(raw.parents[1]))


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


def labels_of(count: int, first: int = 0, classes: int = 10) -> bytes:
    return struct.pack(">2i", 2049, count) + bytes(first + index % classes for index in range(count))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (labels_of(1_500), "2000 training images have 1500 labels"),
        (labels_of(2_500), "2000 training images have 2500 labels"),
        (labels_of(2_000, first=1, classes=26), "training labels go from 1 to 26, and those of 10 classes from 0"),
        (labels_of(2_000)[:-100], "can't be read"),
        (struct.pack(">4i", 2051, 10, 28, 28) + bytes(10 * 28 * 28), "can't be read"),  # images in their place
    ],
)
def test_files_that_do_not_fit_each_other_are_refused_and_not_downloaded(
    raw: Path, capsys: pytest.CaptureFixture[str], labels: bytes, words: str
) -> None:
    write_idx(raw, 2_000)
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    with pytest.raises(BadInput, match=words) as refusal:
        load_dataset("fashion-mnist", str(raw.parents[1]))
    assert "the files of fashion-mnist in" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capsys.readouterr().err == ""


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


@pytest.mark.skipif(not (CIFAR10 / "train").is_dir(), reason="PLAINRES_CIFAR10 names no folder of CIFAR-10's images")
def test_the_constants_of_cifar_10_are_the_published_ones() -> None:
    dataset = load_dataset("imagefolder", str(CIFAR10))
    assert dataset.sizes == {"train": 45_000, "validation": 5000, "test": 10_000}
    # Of all 50,000 training images, in shares of 255; ours are of the 45,000 that are left after validation.
    mean, deviation = dataset.channel_statistics()
    assert (mean / 255).tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-4)
    assert (deviation / 255).tolist() == pytest.approx([0.2470, 0.2435, 0.2616], abs=5e-4)


def test_images_of_a_square_are_scaled_as_pillow_scales_them() -> None:
    images = torch.randint(0, 256, (5, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for size in (5, 9, 30):
        resized = resize(images, size)
        assert resized.dtype == torch.uint8
        expected = [
            np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
            for image in images.permute(0, 2, 3, 1).numpy()
        ]
        assert np.array_equal(resized.permute(0, 2, 3, 1), np.stack(expected))
    assert torch.equal(resize(images, 9), images)


def test_the_aspect_ratio_is_kept_and_the_rest_is_black() -> None:
    white = torch.full((1, 1, 4, 8), 255, dtype=torch.uint8)
    (image,) = resize(white, 16)[0]
    assert torch.equal(image[4:12], torch.full((8, 16), 255, dtype=torch.uint8))
    assert not image[:4].any()
    assert not image[12:].any()


@pytest.mark.parametrize("shape", [(1200, 5), (5, 1200), (2000, 1)])
def test_a_sliver_keeps_a_row_or_a_column(shape: tuple[int, int]) -> None:
    padded = np.asarray(pad_to(Image.new("L", shape, 255), 64))
    across = padded.any(axis=0).sum(), padded.any(axis=1).sum()
    assert across == ((64, 1) if shape[0] > shape[1] else (1, 64))
    assert padded.max() == 255
