"""What the reading of images says to the person: names as they can be shown, and lines that are said once."""

import multiprocessing
import sys
import unicodedata
from functools import cache
from pathlib import Path

from plainres.system.hardware import is_first

UNSHOWABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories of control characters, surrogates and ends of line


def shown(name: str | Path) -> str:
    r"""A file's or a class's name on one line of UTF-8: a byte that isn't UTF-8 as `\udcff`, a line feed as `\n`."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in UNSHOWABLE else character
        for character in str(name)
    )


@cache
def notice(line: str) -> None:
    """Say a line on stderr, once, and not in a worker process: the command that started it reads the same files.

    Nor in another of torchrun's processes than the first.
    """
    if multiprocessing.parent_process() is None and is_first():
        print(line, file=sys.stderr)
