"""Finds the images of a folder, `train/CLASS/FILE` and `test/CLASS/FILE` (or `val/`), and what stands for them."""

import hashlib
import os
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from stat import S_ISDIR

from plainres.data.cache import content_digest, listing_digest
from plainres.data.decode import EXTENSIONS
from plainres.data.notices import notice, shown
from plainres.errors import BadInput
from plainres.system.files import cache_folder

# What systems, clouds, network drives and editors put beside a person's files, in small letters; so are names that
# begin with a dot or with `~$`, or end with `~`. Other names that look odd may be those of classes.
LITTER = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "network trash folder", "temporary items",
    "$recycle.bin", "recycler", "system volume information", "lost+found",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",
    "__pycache__", "cvs", "_vti_cnf",
}  # fmt: skip
MEANT = {
    "train": ("train", "training", "trn"), "test": ("test", "testing", "tst", "val", "valid", "validation", "dev"),
}  # fmt: skip
MOST_NAMED = 3  # of the files and folders that are passed over


@dataclass(frozen=True)
class SplitFiles:
    """Holds the image files of one split, class by class, in the order of the labels."""

    folder: Path
    of_class: dict[str, list[Path]]

    @cached_property
    def paths(self) -> list[Path]:
        """Lists all files, in the order of the split."""
        return [path for paths in self.of_class.values() for path in paths]

    @cached_property
    def labels(self) -> list[int]:
        """Lists a label for each of them."""
        return [label for label, paths in enumerate(self.of_class.values()) for _ in paths]

    @cached_property
    def listing(self) -> str:
        """Stands for the files as they are now, as `listing_digest`."""
        return listing_digest(self.paths)

    def content(self, cache_dir: Path) -> str:
        """Return what stands for their bytes in this order, as `content_digest`."""
        return content_digest(self.paths, self.listing, cache_dir)


def list_files(data_dir: Path) -> tuple[SplitFiles, SplitFiles]:
    """List the training and the test images of a folder; what is passed over is said on stderr.

    `test/` is taken, else `val/`: the first that has the classes of `train/`. Links are followed, and each folder below
    a class is read once, so that those which lead back end.

    Raises:
        BadInput: folders that are missing or can't be read, have no images, or differ in their classes.
    """
    train, candidates = data_dir / "train", (data_dir / "test", data_dir / "val")
    classes = _check_classes(train)
    fitting = next((folder for folder in candidates if _class_folders(folder).keys() == classes.keys()), None)
    if fitting is None:
        test = next((folder for folder in candidates if _is_there(folder)), candidates[-1])
        others = ", ".join(shown(name) for name in sorted(classes.keys() ^ _check_classes(test).keys()))
        raise BadInput(f"{shown(train)} and {shown(test)} don't have the same classes: {others}")
    for folder in candidates:
        if _is_there(folder) and folder != fitting:
            notice(f"{shown(folder)} isn't read: {shown(fitting)} has the test images")
    walk = _Walk()
    in_test = _class_folders(fitting)
    splits = walk.split(train, classes), walk.split(fitting, {name: in_test[name] for name in classes})
    count = len(walk.passed_over)
    what = "1 file that is no image" if count == 1 else f"{count} files that are no images"
    _say_passed_over(what, walk.passed_over, data_dir)
    _say_passed_over("folders that a system left", walk.litter, data_dir)
    return splits


def _say_passed_over(what: str, paths: Collection[Path], data_dir: Path) -> None:
    if paths:
        names = ", ".join(shown(path.relative_to(data_dir)) for path in sorted(paths)[:MOST_NAMED])
        more = ", ..." if len(paths) > MOST_NAMED else ""
        notice(f"passed over {what} in {shown(data_dir)}: {names}{more}")


def content(_: str, data_dir: Path) -> str:
    """Return what stands for the images of a folder; raises as `list_files` does."""
    return content_of_files(*list_files(data_dir), decoded_cache())


def content_of_files(train: SplitFiles, test: SplitFiles, cache_dir: Path) -> str:
    """Return sixteen hex digits that stand for all files: their bytes, and their names below the folders of the splits.

    So the same images in another place, or in `val/` instead of `test/`, are the same. As long as the listing of the
    files stays as it was (`listing_digest`), they aren't read again.
    """
    digest = hashlib.sha256()
    for split in (train, test):
        above = len(os.fsencode(split.folder)) + 1
        names = [os.fsencode(path)[above:] for path in split.paths]
        digest.update(b"\0".join([*names, split.content(cache_dir).encode(), b""]))
    return digest.hexdigest()[:16]


def decoded_cache() -> Path:
    """Return the folder where what was read from the files of images is kept."""
    return cache_folder() / "decoded"


def _check_classes(folder: Path) -> dict[str, str]:
    if not _is_there(folder):
        raise BadInput(
            f"{shown(folder)} is missing: a folder of images has train/CLASS/FILE and test/CLASS/FILE or val/..."
            f"{_hint(folder)}"
        )
    names = _class_folders(folder)
    if len(names) < 2:
        raise BadInput(f"{shown(folder)} holds {len(names)} class folders; there must be two or more")
    return names


def _class_folders(folder: Path) -> dict[str, str]:
    """The folders of classes, by their names: systems write an accent as part of its letter, or after it."""
    if not _is_there(folder):
        return {}
    entries = sorted(entry.name for entry in _entries(folder) if entry.is_dir())
    named = {unicodedata.normalize("NFC", name): name for name in entries}
    if len(named) < len(entries):
        twice = next(name for name in entries if name not in named.values())
        raise BadInput(f"{shown(folder)} has class {twice} twice, with its accents written in two ways")
    return named


def _hint(missing: Path) -> str:
    """What there is in place of the folder of a split, if anything looks like it."""
    there = list(_class_folders(missing.parent).values())
    words = MEANT["train" if missing.name == "train" else "test"]
    meant = next((name for name in there if name.lower() in words), None)
    if meant:
        return f"; is {shown(missing.parent / meant)} meant? Rename it"
    if missing.name == "train" and len(there) > 1:
        return f"; these may be classes that are not split yet: {', '.join(map(shown, there[:MOST_NAMED]))}"
    return ""


def _is_there(folder: Path) -> bool:
    try:
        return S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise BadInput(f"{shown(folder)} can't be read: {error.strerror}") from error


def _is_litter(name: str) -> bool:
    return name.startswith((".", "~$")) or name.endswith("~") or name.lower() in LITTER


def _entries(folder: Path, litter: set[Path] | None = None) -> Iterator[os.DirEntry[str]]:
    """What a person put into a folder; a link that leads nowhere is refused, for nobody knows what it stands for.

    Folders that a system put there are added to `litter`, but for hidden ones and the Mac's.
    """
    at = folder
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_litter(entry.name):
                    if litter is not None and entry.is_dir() and not entry.name.startswith((".", "__MACOSX")):
                        litter.add(Path(entry.path))
                else:
                    at = Path(entry.path)
                    if entry.is_symlink():
                        entry.stat()
                    yield entry
    except OSError as error:
        raise BadInput(f"{shown(at)} can't be read: {error.strerror}") from error


@dataclass
class _Walk:
    """Goes through folders of classes, and notes the files that it passes over."""

    passed_over: set[Path] = field(default_factory=set)
    litter: set[Path] = field(default_factory=set)

    def split(self, folder: Path, classes: Mapping[str, str]) -> SplitFiles:
        """Return the images of a split, whose folder each class has."""
        self.passed_over.update(Path(entry.path) for entry in _entries(folder, self.litter) if not entry.is_dir())
        return SplitFiles(folder, {name: self.images(folder / at) for name, at in classes.items()})

    def images(self, top: Path) -> list[Path]:
        """Return the images below a class's folder, at any depth."""
        # A link to a folder above the class would make images of all classes its own.
        seen = {_identity(folder) for folder in (*top.parents, *top.resolve().parents)}
        found: list[Path] = []
        waiting = [
            _new_entries(top, seen, self.litter)
        ]  # what is left of each folder on the way, in the order of names
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
            elif entry.is_dir():
                waiting.append(_new_entries(Path(entry.path), seen, self.litter))
            elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS and entry.is_file():
                found.append(Path(entry.path))
            else:
                self.passed_over.add(Path(entry.path))
        if not found:
            raise BadInput(f"{shown(top)} holds no images")
        return found


def _new_entries(folder: Path, seen: set[tuple[int, int]], litter: set[Path]) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, in the order of names; nothing if it was seen."""
    identity = _identity(folder)
    if identity in seen:
        return iter(())
    seen.add(identity)
    return iter(sorted(_entries(folder, litter), key=lambda entry: entry.name))


def _identity(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino
