"""Where files lie by default, also where nobody knows a home folder."""

import os
from pathlib import Path
from tempfile import gettempdir

from plainres.errors import BadInput
from plainres.settings import DEFAULT_DATA_DIR


def default_data_dir() -> Path:
    """`~/.cache/plainres`; without HOME and an entry in the password file, a folder below that of temporary files."""
    folder = os.path.expanduser(DEFAULT_DATA_DIR)
    if not folder.startswith("~"):
        return Path(folder).absolute()
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(gettempdir()) / f"plainres-{user}"


def resolved_data_dir(data_dir: str | None) -> str:
    """The absolute path of a data folder that was asked for, or of the default one.

    Raises:
        BadInput: `~` or `~NAME` begins it, whose home folder isn't known.
    """
    if not data_dir or data_dir == DEFAULT_DATA_DIR:
        return str(default_data_dir())
    folder = os.path.expanduser(data_dir)
    if folder.startswith("~"):
        raise BadInput(f"the home folder in {data_dir} isn't known here; give the data folder's whole path")
    return os.path.abspath(folder)
