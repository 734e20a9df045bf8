"""Decodes a folder of images into the project's cache, and some of them, linked in another folder, at more sizes.

`python -m tests.gpu.images FOLDER SOME [--size SIZE ...] [--digits]`; the last writes scikit-learn's digits to FOLDER.
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter

from PIL import Image

from plainres.data import load_dataset

SOME = {"train": 2000, "test": 100}  # images of each class that are linked
WRITTEN = {"train": 20, "test": 10}  # digits of each class that are written


def main(folder: Path, some: Path, sizes: Sequence[int]) -> None:
    """Decode the whole folder at its own size, and some of it at all sizes."""
    link_some(folder, some)
    for where, size in [(folder, 0), (some, 0), *((some, size) for size in sizes)]:
        started = perf_counter()
        dataset = load_dataset("imagefolder", str(where), size)
        images = sum(map(len, (dataset.train, dataset.validation, dataset.test)))
        print(f"{images} images {dataset.train.image_shape}: {perf_counter() - started:.1f} s", flush=True)


def write_digits(folder: Path) -> None:
    """Write scikit-learn's first digits of each class as a folder of images."""
    from sklearn.datasets import load_digits  # takes seconds

    digits = load_digits()
    for label in range(10):
        images = iter(digits.images[digits.target == label])
        for split, count in WRITTEN.items():
            (folder / split / str(label)).mkdir(parents=True, exist_ok=True)
            for number, pixels in enumerate(islice(images, count)):
                Image.fromarray((pixels * 15).astype("uint8")).save(folder / split / str(label) / f"{number}.png")


def link_some(folder: Path, some: Path) -> None:
    """Link the first images of each class of a folder in another one, which loads in a fraction of the time."""
    for split, count in SOME.items():
        for files in sorted((folder / split).iterdir()):
            (some / split / files.name).mkdir(parents=True, exist_ok=True)
            for file in islice(sorted(files.iterdir()), count):
                link = some / split / files.name / file.name
                if not link.exists():
                    link.symlink_to(file.resolve())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("some", type=Path)
    parser.add_argument("--size", type=int, nargs="+", default=[])
    parser.add_argument("--digits", action="store_true")
    asked = parser.parse_args()
    if asked.digits:
        write_digits(asked.folder)
    main(asked.folder, asked.some, asked.size)
