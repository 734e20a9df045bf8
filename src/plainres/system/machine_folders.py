"""Folders that a machine may lack or name too long: the user's cache, and the one of sockets between processes."""

import os
import tempfile
from multiprocessing import util
from pathlib import Path

LONGEST_SOCKET_FOLDER = 60  # characters: an AF_UNIX address holds 107, of which multiprocessing's names take up to 40


def cache_folder() -> Path:
    """`~/.cache/plainres`; where no home folder is known, one of this user's among the temporary files."""
    try:
        return Path.home() / ".cache" / "plainres"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"plainres-{os.getuid()}" / "cache"


def shorten_socket_addresses() -> None:
    """Let multiprocessing's sockets lie in /tmp where TMPDIR is too long for their addresses.

    It makes one folder in a process, when it first needs one, and hands it on to the processes that it starts.
    """
    if os.name == "nt" or len(os.fsencode(tempfile.gettempdir())) <= LONGEST_SOCKET_FOLDER:
        return
    before = tempfile.tempdir
    tempfile.tempdir = "/tmp"
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before
