"""How far the reading of many files has come."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def with_bar(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items, with a bar on stderr where that's a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
