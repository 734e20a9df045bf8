"""A file system of a few bytes, on which a test finds out what a full disk does."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(disk: Path, size: str, *options: str) -> Iterator[Path]:
    """A new folder, while a file system of this size, as `512k`, and with these options is mounted there."""
    disk.mkdir()
    asked = ",".join([f"size={size}", *options])
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", asked, "tmpfs", disk]).returncode:
        pytest.skip("mounting a file system takes root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
