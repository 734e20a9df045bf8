"""What is computed from files once and kept: whole or not there, rebuilt when damaged, whoever else writes it."""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from plainres.durable import writing_whole
from plainres.errors import BadInput


def cached(cache_dir: Path, key: tuple[object, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array that `make` returns, from the cache if it's there and whole.

    Args:
        cache_dir: made if it's missing; where it can't be written, the array is made each time.
        key: all that the array depends on, as values with a `repr` of their own.
        make: computes the array.
    """
    path = cache_dir / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["array"])
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):  # not there, or damaged: a zip file has checksums
        array = make()
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with writing_whole(path) as file:
            np.savez(file, array=array)
    except OSError as error:
        print(f"{cache_dir} can't keep what was read ({error.strerror}): it's read again next time", file=sys.stderr)
    return array


def listing_digest(paths: Sequence[Path]) -> str:
    """Stands for files by their paths, sizes and times of change: cheap, and new whenever one of them is written."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            state = os.stat(path)
        except OSError as error:
            raise BadInput(f"{path} can't be read: {error.strerror}") from error
        digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def content_digest(paths: Sequence[Path], listing: str, cache_dir: Path) -> str:
    """Stands for the bytes of files, wherever they lie; as long as their listing's digest stays, they aren't read."""

    def digest() -> np.ndarray:
        with ThreadPoolExecutor() as threads:
            whole = hashlib.sha256(b"".join(threads.map(_digest_of, paths)))
        return np.array(whole.hexdigest())

    return str(cached(cache_dir, ("content", listing), digest))


def _digest_of(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
