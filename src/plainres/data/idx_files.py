"""Finds the four files of MNIST and of Fashion-MNIST, and says whether they are the published ones."""

import gzip
import hashlib
import zlib
from pathlib import Path

from plainres.data.notices import shown
from plainres.errors import BadInput

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
# Below the data folder, where torchvision has the files.
FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}
# Of each published file once it's unpacked.
MD5 = {
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "fashion-mnist": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}


def files_at_hand(name: str, data_dir: Path) -> dict[str, bytes]:
    """Return the four files' unpacked content by name, from the data folder or below it; nothing if one is missing.

    A packed file is preferred to one that was unpacked from it.
    """
    for folder in (data_dir, data_dir / FOLDERS[name]):
        paths = [next(filter(Path.is_file, (folder / f"{file}.gz", folder / file)), None) for file in FILES]
        if None not in paths:
            return {file: _unpacked(path) for file, path in zip(FILES, paths, strict=True) if path}
    return {}


def content(name: str, data_dir: Path) -> str:
    """Return sixteen hex digits that stand for files at hand, or nothing for the published ones, which are known.

    Files that are still to be downloaded are checked by torchvision.

    Raises:
        BadInput: a file is damaged, or can't be read.
    """
    try:
        return content_of_files(name, files_at_hand(name, data_dir))
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"the files of {name} in {data_dir} can't be read: {shown(str(error))}") from error


def content_of_files(name: str, files: dict[str, bytes]) -> str:
    """Return the same as `content`, of files that have been read."""
    if not files or tuple(hashlib.md5(content).hexdigest() for content in files.values()) == MD5[name]:
        return ""
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in files.values())).hexdigest()[:16]


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
