"""The four files of MNIST and of Fashion-MNIST: where they lie, and whether they are the published ones."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from plainres.data.notices import shown
from plainres.errors import BadInput


@dataclass(frozen=True)
class IdxSet:
    """One data set in MNIST's format."""

    folder: str
    """Below the data folder, where torchvision has the files."""
    md5: dict[str, str]
    """Of each published file once it's unpacked."""


IDX_SETS = {
    "mnist": IdxSet(
        "MNIST/raw",
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion-mnist": IdxSet(
        "FashionMNIST/raw",
        {
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
    ),
}


def files_at_hand(name: str, data_dir: Path) -> dict[str, bytes]:
    """The four files' unpacked content by name, from the data folder or below it; nothing if one is missing.

    A packed file is preferred to one that was unpacked from it.
    """
    of = IDX_SETS[name]
    for folder in (data_dir, data_dir / of.folder):
        paths = [next(filter(Path.is_file, (folder / f"{file}.gz", folder / file)), None) for file in of.md5]
        if None not in paths:
            return {file: _unpacked(path) for file, path in zip(of.md5, paths, strict=True) if path}
    return {}


def content(name: str, data_dir: Path) -> str:
    """Sixteen hex digits that stand for files at hand which aren't the published ones, whose content is known.

    Files that are still to be downloaded are checked by torchvision.

    Raises:
        BadInput: a file is damaged, or can't be read.
    """
    try:
        return content_of_files(name, files_at_hand(name, data_dir))
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"the files of {name} in {data_dir} can't be read: {shown(str(error))}") from error


def content_of_files(name: str, files: dict[str, bytes]) -> str:
    """As `content`, of files that have been read."""
    md5 = {file: hashlib.md5(content).hexdigest() for file, content in files.items()}
    if not files or md5 == IDX_SETS[name].md5:
        return ""
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in files.values())).hexdigest()[:16]


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
