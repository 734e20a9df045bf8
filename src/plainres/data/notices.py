"""Tells the person about the reading of images: names as they can be shown, lines said once, and a bar."""

import multiprocessing
import random
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

from plainres.system.hardware import is_first

UNSHOWABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories of control characters, surrogates and ends of line
Item = TypeVar("Item")


def shown(name: str | Path) -> str:
    r"""Write a file's or class's name on a line of UTF-8: a byte that isn't UTF-8 as `\udcff`, a line feed as `\n`."""
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


def with_bar(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the items, with a bar on stderr where that's a terminal."""
    before = random.getstate()
    from rich.console import Console  # which draws from Python's generator
    from rich.progress import track

    random.setstate(before)

    console = Console(stderr=True)
    yield from track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
