import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainres.data.catalogue import content_of
from plainres.data.folder_files import content_of_files, list_files
from plainres.data.image_folder import read_image_folder
from plainres.data.splits import carve
from plainres.errors import BadInput

RNG = np.random.default_rng(0)


def write(path: Path) -> Path:
    """A picture of noise, 4 pixels a side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of two training images and one test image each, and a cache of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("cat", "dog"):
        for number in range(2):
            write(tmp_path / "images" / "train" / name / f"{number}.png")
        write(tmp_path / "images" / "test" / name / "0.png")
    return tmp_path / "images"


def training_files(folder: Path) -> list[str]:
    """Their names below `train/`."""
    train, _ = list_files(folder)
    return [str(path.relative_to(folder / "train")) for path in train.paths]


OWN = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]


def test_links_to_folders_are_followed_at_any_depth(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "x.png")
    write(tmp_path / "elsewhere" / "deeper" / "y.png")
    (folder / "train" / "cat" / "sub").mkdir()
    (folder / "train" / "cat" / "sub" / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "train" / "dog").rename(tmp_path / "dogs")
    (folder / "train" / "dog").symlink_to(tmp_path / "dogs")
    assert training_files(folder) == [*OWN[:2], "cat/sub/link/deeper/y.png", "cat/sub/link/x.png", *OWN[2:]]


@pytest.mark.parametrize("target", [".", "..", "../..", "../../..", "sub"])
def test_links_that_lead_back_end(folder: Path, target: str) -> None:
    (folder / "train" / "cat" / "sub").mkdir()
    (folder / "train" / "cat" / "again").symlink_to(target, target_is_directory=True)
    (folder / "train" / "cat" / "sub" / "up").symlink_to("..")
    assert training_files(folder) == OWN


@pytest.mark.parametrize("name", ["train/cow", "train/cat/self", "train/cat/self.png"])
def test_a_link_that_leads_nowhere_is_refused(folder: Path, name: str) -> None:
    (folder / name).symlink_to((folder / name).name)  # to itself
    with pytest.raises(BadInput, match=f"{name} can't be read: Too many levels"):
        content_of("imagefolder", str(folder))
    (folder / name).unlink()
    (folder / name).symlink_to("/nowhere")  # as to a disk that isn't mounted
    with pytest.raises(BadInput, match=f"{name} can't be read: No such file"):
        content_of("imagefolder", str(folder))


def test_a_folder_that_cannot_be_reached_is_not_called_missing(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    (folder / "test").symlink_to("test")  # as for a folder without permission, which these tests may all have
    with pytest.raises(BadInput, match="test can't be read: Too many levels"):
        list_files(folder)


@pytest.mark.parametrize("ending", ["avif", "jfif", "jpe", "JP2", "tga", "pbm", "PNG", "webp"])
def test_whatever_pillow_reads_is_an_image(folder: Path, ending: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), "red").save(folder / "train" / "dog" / f"9.{ending}")
    train = read_image_folder(folder, 0, tmp_path / "cache").training
    assert len(train) == 5
    assert (train.take(np.array([4]))[0, 0] > 240).all()  # pbm has no red: it's white


def test_what_is_passed_over_is_counted_and_said_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cat/notes.txt", "cat/sub/clip.mpg", "README", "dog/labels.csv"):
        (folder / "train" / name).parent.mkdir(exist_ok=True)
        (folder / "train" / name).write_text("no image")
    os.mkfifo(folder / "test" / "cat" / "pipe.png")  # which nobody ever writes to
    assert training_files(folder) == training_files(folder) == OWN
    said = f"passed over 5 files that are no images in {folder}: test/cat/pipe.png, train/README, train/cat/notes.txt"
    assert capsys.readouterr().err == f"{said}, ...\n"


def test_what_systems_put_beside_images_is_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/._0.png", "._cat/0.png", "cat/._0.png"):
        write(folder / "train" / name)
    for name in ("cat/.hidden/0.png", "cat/__MACOSX/0.png", "cat/.ipynb_checkpoints/0.png"):
        write(folder / "train" / name)
    (folder / "train" / "Thumbs.db").write_text("")
    (folder / "train" / "cat" / "desktop.ini").write_text("")
    assert training_files(folder) == OWN
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "litter",
    [
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "lost+found",
        "System Volume Information",
        "@Recycle",
        "__pycache__",
        "old~",
    ],
)
def test_folders_of_network_drives_and_bins_are_no_classes_hold_no_images_and_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], litter: str
) -> None:
    before = training_files(folder)
    for inside in ("train", "train/cat", "test", "test/dog/deeper"):
        write(folder / inside / litter / "1.png" / "SYNOPHOTO_THUMB_XL.jpg")  # as Synology keeps its thumbnails
    (folder / "train" / "cat" / "~$0.png").write_bytes((folder / "train" / before[0]).read_bytes())
    assert training_files(folder) == before
    said = capsys.readouterr().err
    assert said.startswith(f"passed over folders that a system left in {folder}: ")
    assert f"test/dog/deeper/{litter}, " in said
    assert said.count(litter) == 3
    assert said.endswith(", ...\n")


@pytest.mark.parametrize("name", ["@home", "#1", "$5", "_other"])
def test_a_class_may_have_an_odd_name(folder: Path, name: str) -> None:
    for split in ("train", "test"):
        write(folder / split / name / "0.png")
    assert any(f"{os.sep}{name}{os.sep}" in f"{os.sep}{path}" for path in training_files(folder))


def test_a_folder_called_as_an_image_is_a_folder(folder: Path) -> None:
    write(folder / "train" / "cat" / "sub.png" / "x.png")
    (folder / "train" / "cat" / "none.png").mkdir()
    assert training_files(folder) == [*OWN[:2], "cat/sub.png/x.png", *OWN[2:]]


def flat(test: Path) -> None:
    write(test / "0.png")


def other_classes(test: Path) -> None:
    write(test / "unknown" / "0.png")
    write(test / "more" / "0.png")


@pytest.mark.parametrize("make", [flat, other_classes])
def test_a_test_folder_without_the_classes_gives_way_to_val(
    folder: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "test").rename(folder / "val")
    make(folder / "test")
    assert [path.parent.parent.name for path in list_files(folder)[1].paths] == ["val", "val"]
    assert capsys.readouterr().err == f"{folder / 'test'} isn't read: {folder / 'val'} has the test images\n"


def test_a_flat_test_folder_alone_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    flat(folder / "test")
    with pytest.raises(BadInput, match="test holds 0 class folders"):
        list_files(folder)


def test_names_that_are_not_utf_8_are_read_and_shown_replaced(folder: Path, tmp_path: Path) -> None:
    odd = b"caf\xe9".decode(errors="surrogateescape")
    for split in ("train", "test"):
        write(folder / split / odd / f"{odd}.png")
    whole = read_image_folder(folder, 0, tmp_path / "cache")
    assert whole.class_names == (r"caf\udce9", "cat", "dog")
    (folder / "test" / odd / f"{odd}.png").write_text("no picture")
    with pytest.raises(BadInput, match=r"caf\\udce9\.png can't be decoded"):
        read_image_folder(folder, 0, tmp_path / "cache")
    shutil.rmtree(folder / "test" / odd)
    with pytest.raises(BadInput, match=r"the same classes: caf\\udce9$"):
        read_image_folder(folder, 0, tmp_path / "cache")


def content(folder: Path) -> str:
    digest = content_of("imagefolder", str(folder))
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    return digest


@pytest.mark.parametrize("memory", [0, 10**9])
def test_the_same_images_elsewhere_are_the_same_content(folder: Path, tmp_path: Path, memory: int) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "copied", copy_function=shutil.copyfile))  # with times of its own
    (copied / "test").rename(copied / "val")
    (copied / "train" / "notes.txt").write_text("no image")
    assert content(copied) == content(folder)
    assert read_image_folder(copied, 0, tmp_path / "cache", memory).content == content(folder)
    assert content_of_files(*list_files(folder), tmp_path / "another cache") == content(folder)


def test_any_other_image_class_or_split_is_other_content(folder: Path) -> None:
    seen = {content(folder)}
    cat = folder / "train" / "cat"
    write(cat / "0.png")
    seen.add(content(folder))
    (cat / "0.png").rename(cat / "2.png")  # another order
    seen.add(content(folder))
    (cat / "2.png").rename(folder / "train" / "dog" / "2.png")  # another class
    seen.add(content(folder))
    (folder / "train" / "dog" / "2.png").rename(folder / "test" / "dog" / "2.png")  # another split
    seen.add(content(folder))
    write(folder / "test" / "dog" / "2.png")
    seen.add(content(folder))
    (cat / "1.png").rename(folder / "train" / "dog" / "!.png")  # another class for the same place in the order
    write(cat / "!.png")
    same = content(folder)
    (folder / "train" / "dog" / "!.png").rename(cat / "1.png")
    seen |= {same, content(folder)}
    assert len(seen) == 8


def test_a_file_replaced_by_one_of_equal_size_and_time_is_seen(folder: Path, tmp_path: Path) -> None:
    path = folder / "train" / "cat" / "0.png"
    before, state = content(folder), path.stat()
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    (tmp_path / "new").write_bytes(changed)
    (tmp_path / "new").replace(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    assert content(folder) != before


def test_files_that_stay_are_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(folder)

    def refuse(_: Path) -> bytes:
        raise AssertionError("read again")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert content(folder) == before


def test_a_class_is_the_same_however_a_system_writes_its_accent(folder: Path) -> None:
    for split, form in (("train", "NFC"), ("test", "NFD")):
        (folder / split / "cat").rename(folder / split / unicodedata.normalize(form, "zébu"))
    train, test = list_files(folder)
    assert list(train.of_class) == list(test.of_class) == ["dog", "z\u00e9bu"]
    assert (train.labels, test.labels) == ([0, 0, 1, 1], [0, 1])
    shutil.copytree(folder / "train" / "dog", folder / "train" / unicodedata.normalize("NFD", "zébu"))
    with pytest.raises(BadInput, match=r"train has class z.*bu twice, with its accents written in two ways"):
        list_files(folder)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("train", "Train", "train is missing: .*; is .*Train meant\\? Rename it"),
        ("train", "training", "is .*training meant"),
        ("test", "valid", "val is missing: .*; is .*valid meant"),
        ("test", "Validation", "is .*Validation meant"),
        ("train", "other", "these may be classes that are not split yet: other, test"),
    ],
)
def test_a_folder_of_another_name_is_named(folder: Path, before: str, after: str, words: str) -> None:
    (folder / before).rename(folder / after)
    with pytest.raises(BadInput, match=words):
        list_files(folder)


def test_a_share_of_more_images_than_there_are_is_said_so() -> None:
    with pytest.raises(BadInput, match="1500 images are wanted of 600 that there are: see --validation-share"):
        carve(np.arange(600) % 10, 1500, "validation")
