import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainres.data.image_folder import read_image_folder
from plainres.errors import BadInput

RNG = np.random.default_rng(0)


def write(path: Path, shape: tuple[int, ...] = (6, 6, 3)) -> np.ndarray:
    """A picture of noise without loss, and its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, cat and dog, three training images and one test image each."""
    for name in ("cat", "dog"):
        for number in range(3):
            write(tmp_path / "images" / "train" / name / f"{number}.png")
        write(tmp_path / "images" / "test" / name / "0.png")
    return tmp_path / "images"


def test_images_and_labels_are_those_of_the_files(folder: Path, tmp_path: Path) -> None:
    dog = write(folder / "train" / "dog" / "9.png")
    train, test = read_image_folder(folder, 0, tmp_path / "cache")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert np.array_equal(train.images[-1].permute(1, 2, 0), dog)
    assert test.images.shape == (2, 3, 6, 6)


def test_val_serves_as_test_and_grey_images_have_one_channel(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("a", "b"):
            write(tmp_path / split / name / "x.png", (5, 5))
    _, test = read_image_folder(tmp_path, 0, tmp_path / "cache")
    assert test.images.shape == (2, 1, 5, 5)
    write(tmp_path / "val" / "a" / "colour.png", (5, 5, 3))
    with pytest.raises(BadInput, match="differ in shape"):
        read_image_folder(tmp_path, 0, tmp_path / "cache")


def test_resizing_keeps_the_aspect_ratio_and_pads_with_black(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "white").save(folder / "train" / "cat" / "wide.png")
    with pytest.raises(BadInput, match="--image-size"):
        read_image_folder(folder, 0, tmp_path / "cache")
    train, _ = read_image_folder(folder, 8, tmp_path / "cache")
    wide = train.images[3, 0]
    assert (wide[2:6] == 255).all()
    assert (wide[:2] == 0).all()
    assert (wide[6:] == 0).all()


def test_the_cache_follows_the_files_and_is_rebuilt_when_damaged(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, _ = read_image_folder(folder, 0, cache)
    kept = sorted(cache.iterdir())
    assert len(kept) == 2
    for path in kept:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    again, _ = read_image_folder(folder, 0, cache)
    assert np.array_equal(again.images, first.images)
    changed = write(folder / "train" / "cat" / "0.png")
    os.utime(folder / "train" / "cat" / "0.png", ns=(1, 1))
    new, _ = read_image_folder(folder, 0, cache)
    assert np.array_equal(new.images[0].permute(1, 2, 0), changed)


def spoil_missing(folder: Path) -> str:
    (folder / "test").rename(folder / "exam")
    return r"val is missing"


def spoil_empty(folder: Path) -> str:
    (folder / "train" / "dog" / "0.png").unlink()
    (folder / "train" / "dog" / "1.png").unlink()
    (folder / "train" / "dog" / "2.png").unlink()
    return r"train/dog holds no images"


def spoil_classes(folder: Path) -> str:
    write(folder / "train" / "eel" / "0.png")
    return r"don't have the same classes: eel"


def spoil_truncated(folder: Path) -> str:
    path = folder / "train" / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:60])
    return r"cat/1.png can't be decoded"


def spoil_text(folder: Path) -> str:
    (folder / "test" / "cat" / "0.png").write_text("no picture")
    return r"test/cat/0.png can't be decoded"


@pytest.mark.parametrize("spoil", [spoil_missing, spoil_empty, spoil_classes, spoil_truncated, spoil_text])
def test_what_is_wrong_is_named(folder: Path, tmp_path: Path, spoil: "object") -> None:
    words = spoil(folder)  # type: ignore[operator]
    with pytest.raises(BadInput, match=words) as refusal:
        read_image_folder(folder, 0, tmp_path / "cache")
    assert "\n" not in str(refusal.value)
