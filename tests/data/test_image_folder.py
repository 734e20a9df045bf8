import multiprocessing
import os
import shutil
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainres.data.image_folder import read_image_folder
from plainres.data.splits import AnySplit
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


def splits_of(data_dir: Path, image_size: int, cache_dir: Path, memory: int = sys.maxsize) -> tuple[AnySplit, AnySplit]:
    whole = read_image_folder(data_dir, image_size, cache_dir, memory)
    return whole.training, whole.test


def test_images_and_labels_are_those_of_the_files(folder: Path, tmp_path: Path) -> None:
    dog = write(folder / "train" / "dog" / "9.png")
    train, test = splits_of(folder, 0, tmp_path / "cache")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert np.array_equal(train.images[-1].permute(1, 2, 0), dog)
    assert test.images.shape == (2, 3, 6, 6)


def test_images_of_any_size_make_up_a_data_set_of_one(folder: Path, tmp_path: Path) -> None:
    for number, shape in enumerate([(40, 9), (7, 30, 3), (5, 5, 4)]):  # grey, colour, with transparency
        write(folder / "train" / "cat" / f"odd{number}.png", shape)
    train, test = splits_of(folder, 12, tmp_path / "cache")
    assert train.image_shape == test.image_shape == (3, 12, 12)


def test_val_serves_as_test_and_grey_images_have_one_channel(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("a", "b"):
            write(tmp_path / split / name / "x.png", (5, 5))
    _, test = splits_of(tmp_path, 0, tmp_path / "cache")
    assert test.images.shape == (2, 1, 5, 5)


@pytest.mark.parametrize("memory", [0, 10**9])
@pytest.mark.parametrize("coloured", ["train", "test"])
def test_one_colour_image_decides_for_both_splits(tmp_path: Path, coloured: str, memory: int) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            grey = write(tmp_path / split / name / "x.png", (5, 5))
    write(tmp_path / coloured / "b" / "y.png", (5, 5, 3))
    train, test = splits_of(tmp_path, 0, tmp_path / "cache", memory)
    assert train.image_shape == test.image_shape == (3, 5, 5)
    assert np.array_equal(test.take(np.array([1]))[0], [grey] * 3)


def test_images_that_differ_in_size_are_named_with_what_makes_them_alike(folder: Path, tmp_path: Path) -> None:
    write(folder / "test" / "dog" / "0.png", (6, 7, 3))
    words = r"differ in size \(.*train/cat/0\.png 6 x 6, .*test/dog/0\.png 7 x 6 pixels\); --image-size"
    with pytest.raises(BadInput, match=words):
        read_image_folder(folder, 0, tmp_path / "cache")
    assert read_image_folder(folder, 6, tmp_path / "cache").test.image_shape == (3, 6, 6)


def test_resizing_keeps_the_aspect_ratio_and_pads_with_black(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "white").save(folder / "train" / "cat" / "wide.png")
    with pytest.raises(BadInput, match="--image-size"):
        read_image_folder(folder, 0, tmp_path / "cache")
    train, _ = splits_of(folder, 8, tmp_path / "cache")
    wide = train.images[3, 0]
    assert (wide[2:6] == 255).all()
    assert (wide[:2] == 0).all()
    assert (wide[6:] == 0).all()


def test_the_cache_follows_the_files_and_is_rebuilt_when_damaged(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, _ = splits_of(folder, 0, cache)
    kept = sorted(cache.iterdir())
    assert kept
    for path in kept:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    again, _ = splits_of(folder, 0, cache)
    assert np.array_equal(again.images, first.images)
    changed = write(folder / "train" / "cat" / "0.png")
    os.utime(folder / "train" / "cat" / "0.png", ns=(1, 1))
    new, _ = splits_of(folder, 0, cache)
    assert np.array_equal(new.images[0].permute(1, 2, 0), changed)


def test_the_cache_knows_the_content_of_files_wherever_they_lie(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = splits_of(folder, 0, tmp_path / "cache")
    copied = Path(shutil.copytree(folder, tmp_path / "copied", copy_function=shutil.copyfile))  # with times of its own

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("plainres.data.image_folder.decode", refuse)
    again, _ = splits_of(copied, 0, tmp_path / "cache")
    assert np.array_equal(again.images, first.images)
    write(copied / "train" / "cat" / "0.png")
    with pytest.raises(AssertionError, match="decoded again"):
        read_image_folder(copied, 0, tmp_path / "cache")


def read_sized_sum(arguments: tuple[Path, Path, int]) -> int:
    folder, cache, size = arguments
    return sum(int(split.images.sum()) for split in splits_of(folder, size, cache))  # type: ignore[union-attr]


def test_several_processes_may_write_the_cache_at_once(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for number in range(40):
        write(folder / "train" / "dog" / f"more{number}.png", (64, 64, 3))
        write(folder / "train" / "cat" / f"more{number}.png", (64, 64, 3))
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        for size in (6, 8, 10):
            sums = list(pool.map(read_sized_sum, [(folder, cache, size)] * 4))
            assert len(set(sums)) == 1
    assert {path.suffix for path in cache.iterdir()} == {".npz"}
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]  # nothing half written is left


def test_where_the_cache_cannot_be_written_images_are_read_all_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    train, _ = splits_of(folder, 0, tmp_path / "file" / "cache")
    assert train.image_shape == (3, 6, 6)
    read_image_folder(folder, 4, tmp_path / "file" / "cache")
    assert capsys.readouterr().err.count("can't keep what was read (Not a directory)") == 1


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


def spoil_link(folder: Path) -> str:
    (folder / "train" / "cat" / "7.png").symlink_to(folder / "nothing.png")
    return r"cat/7.png can't be read: No such file"


def spoil_bomb(folder: Path) -> str:
    header = bytearray((folder / "test" / "dog" / "0.png").read_bytes())
    header[16:24] = (100_000).to_bytes(4, "big") * 2  # width and height
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    (folder / "test" / "dog" / "0.png").write_bytes(header)
    return r"dog/0.png can't be decoded"


@pytest.mark.parametrize("memory", [0, 10**9])  # streamed from the files, and in memory
@pytest.mark.parametrize(
    "spoil", [spoil_missing, spoil_empty, spoil_classes, spoil_truncated, spoil_text, spoil_link, spoil_bomb]
)
def test_what_is_wrong_is_named(folder: Path, tmp_path: Path, spoil: "object", memory: int) -> None:
    words = spoil(folder)  # type: ignore[operator]

    def read() -> None:
        for split in splits_of(folder, 0, tmp_path / "cache", memory):
            split.verify()

    with pytest.raises(BadInput, match=words) as refusal:
        read()
    assert "\n" not in str(refusal.value)
