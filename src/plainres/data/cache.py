"""Keeps what is computed from files: whole or not there, rebuilt when damaged, whoever else writes it."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from plainres.data.notices import notice, shown, with_bar
from plainres.errors import BadInput
from plainres.system.files import writing_whole


def cached(cache_dir: Path, key: tuple[object, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the array that `make` computes, from the cache if it's there and whole.

    Args:
        cache_dir: made if it's missing; where it can't be written, the array is made each time.
        key: all that the array depends on, as values with a `repr` of their own.
        make: computes the array.
    """
    path = cache_dir / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["array"])
    except Exception:  # not there, or damaged in whatever way: a zip file has checksums
        pass
    array = make()
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with writing_whole(path) as file:
            np.savez(file, array=array)
    except OSError as error:
        notice(f"{shown(cache_dir)} can't keep what was read ({error.strerror}): it's read again next time")
    return array


def listing_digest(paths: Sequence[Path]) -> str:
    """Return what stands for files, made of their paths and what the system knows of them; new when one is written.

    A file that's replaced by one of equal size and time of change has another inode, and a time at which that became
    so, which no program can set. Where a file system keeps neither (some network shares), the change isn't seen.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            state = os.stat(path)
        except OSError as error:
            raise BadInput(f"{shown(path)} can't be read: {error.strerror}") from error
        digest.update(os.fsencode(path))
        digest.update(f"\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}\n".encode())
    return digest.hexdigest()


def content_digest(paths: Sequence[Path], listing: str, cache_dir: Path) -> str:
    """Return what stands for the bytes of files, wherever they lie; while their listing stays, none is read."""

    def digest() -> np.ndarray:
        with ThreadPoolExecutor() as threads:
            digests = with_bar(threads.map(_digest_of, paths), len(paths), "reading files")
            return np.array(hashlib.sha256(b"".join(digests)).hexdigest())

    return str(cached(cache_dir, ("content", listing), digest))


def _digest_of(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise BadInput(f"{shown(path)} can't be read: {error.strerror}") from error
