"""The four files of MNIST and of Fashion-MNIST: where they lie, and whether they are the published ones."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from plainres.errors import BadInput


@dataclass(frozen=True)
class IdxSet:
    """One data set in MNIST's format."""

    folder: str
    """Below the data folder, where torchvision has the files."""
    md5: dict[str, str]
    """Of each packed file, as published (torchvision has the same)."""


IDX_SETS = {
    "mnist": IdxSet(
        "MNIST/raw",
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": IdxSet(
        "FashionMNIST/raw",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}


def files_at_hand(name: str, data_dir: Path) -> list[Path]:
    """The four files, packed (preferred) or unpacked, in the data folder itself or below it; none if one is missing."""
    of = IDX_SETS[name]
    for folder in (data_dir, data_dir / of.folder):
        files = [next(filter(Path.is_file, (folder / packed, folder / packed[:-3])), None) for packed in of.md5]
        if None not in files:
            return [file for file in files if file]
    return []


def unpacked(path: Path) -> bytes:
    """A file's content, unpacked where it's packed."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def content(name: str, data_dir: Path) -> str:
    """Sixteen hex digits that stand for files at hand which aren't the published ones, whose content is known.

    Files that are still to be downloaded are checked by torchvision.

    Raises:
        BadInput: a file is damaged, or can't be read.
    """
    files = files_at_hand(name, data_dir)
    digest = hashlib.sha256()
    try:
        if all(IDX_SETS[name].md5.get(path.name) == hashlib.md5(path.read_bytes()).hexdigest() for path in files):
            return ""
        for path in files:
            digest.update(hashlib.sha256(unpacked(path)).digest())
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"the files of {name} in {data_dir} can't be read: {error}") from error
    return digest.hexdigest()[:16]
