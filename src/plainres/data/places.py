"""Where a data set's files lie."""

import os

from plainres.errors import BadInput
from plainres.settings import DEFAULT_DATA_DIR
from plainres.system.files import cache_folder


def resolved_data_dir(data_dir: str | None) -> str:
    """The absolute path of a data folder that was asked for, or of the default one.

    Raises:
        BadInput: `~` or `~NAME` begins it, whose home folder isn't known.
    """
    if not data_dir or data_dir == DEFAULT_DATA_DIR:
        return str(cache_folder().absolute())
    folder = os.path.expanduser(data_dir)
    if folder.startswith("~"):
        raise BadInput(f"the home folder in {data_dir} isn't known here; give the data folder's whole path")
    return os.path.abspath(folder)
