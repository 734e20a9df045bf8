"""Writes files that are whole or not there, whatever happens meanwhile, and finds the user's cache."""

import getpass
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zlib import crc32


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file's content; raises as `writing_whole` does."""
    with writing_whole(path) as file:
        file.write(content)


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file under a temporary name, flush it to the disk and rename it at the end; a failure leaves nothing.

    Raises:
        OSError: no space, no permission; a file that had this name is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        flush(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """Make a file, or the names in a folder, last a loss of power, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checked_line(text: bytes) -> bytes:
    """Make a line of a text without line ends, by which `whole_lines` knows whether it is whole."""
    return b"%08x %s\n" % (crc32(text), text)


def whole_lines(content: bytes) -> Iterator[bytes]:
    """Yield the texts of those checked lines that are neither torn nor damaged."""
    for line in content.splitlines(keepends=True):
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if line.endswith(b"\n") and checksum == b"%08x" % crc32(text):
            yield text


def digest_of(path: Path) -> str:
    """Compute the SHA-256 of a file's content, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Give `~/.cache/plainres`; where no home folder is known, one of this user's among the temporary files."""
    try:
        return Path.home() / ".cache" / "plainres"
    except RuntimeError:
        return temporary_folder() / "cache"


def temporary_folder() -> Path:
    """Name this user's folder among the temporary files, which may not be there yet."""
    return Path(tempfile.gettempdir()) / f"plainres-{getattr(os, 'getuid', getpass.getuser)()}"
