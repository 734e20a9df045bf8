"""Show how far work is: by bars in a terminal or a notebook, by lines elsewhere."""

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from plainres.screen.clock import clock_time

SECONDS_BETWEEN_LINES = 30  # of a plain screen that tell of work in passing
SECONDS_BETWEEN_DRAWINGS = 0.2  # in a notebook
GAP = 2  # columns between a bar and what stands beside it
SHORTEST_BAR, LONGEST_BAR = 5, 20  # columns
CELL = "text-align: left; padding: 0 1em 0 0; border: none; background: none"


@dataclass(frozen=True)
class Bar:
    """Tells how far something is: so much of a total, and words beside it."""

    name: str
    done: int
    total: int
    words: str


@dataclass(frozen=True)
class Line:
    """Tells what has just happened, in one line: part of the work has moved on, ended or failed, or anything else."""

    text: str
    kind: Literal["notice", "moved", "ended", "failed"] = "notice"


@dataclass(frozen=True)
class Standing:
    """Tells how far everything is now.

    Attributes:
        whole: everything together.
        parts: what it is made of, so far as it is worth a bar.
        left: the time that it takes yet, as `1:30 left`; empty while unknown.
        news: what has happened since the standing before.
        table: what a terminal shows in place of the bars and of parts that ended, and only until the end.
    """

    whole: Bar
    parts: Sequence[Bar]
    left: str
    news: Sequence[Line] = ()
    table: RenderableType | None = None

    def bars(self, *facts: str) -> list[Bar]:
        """Return all bars, the first of the whole, with these facts beside it."""
        words = "  ".join(filter(None, (self.whole.words, *facts)))
        return [replace(self.whole, words=words), *self.parts]


def make_screen(console: Console, first: Standing) -> "PlainScreen | LiveScreen | NotebookScreen":
    """Return the screen that suits the console.

    Nothing is redrawn where the console is no terminal, or one whose output a machine reads (CI) or that is to have
    nothing but text (NO_COLOR).
    """
    if console.is_jupyter:
        return NotebookScreen(first)
    can_redraw = console.is_terminal and not console.no_color and not os.environ.get("CI")
    return LiveScreen(console, first) if can_redraw else PlainScreen(console)


class PlainScreen(AbstractContextManager["PlainScreen"]):
    """Prints a line for every part that ends, and now and then one for a part that has moved on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.last_line = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Leave all lines."""

    def show(self, standing: Standing) -> None:
        """Print its news."""
        ended = standing.whole.done - sum(line.kind in ("ended", "failed") for line in standing.news)
        for line in standing.news:
            text = line.text
            if line.kind != "notice":
                if line.kind == "moved" and time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES:
                    continue
                self.last_line = time.monotonic()
                ended += line.kind != "moved"
                text = f"[{ended}/{standing.whole.total}] {text}  {standing.left}".rstrip()
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)


class LiveScreen(Live):
    """Redraws bars, or a table that is gone at the end, below lines that stay."""

    def __init__(self, console: Console, first: Standing) -> None:
        self.standing = first
        self.started = time.monotonic()
        super().__init__(self, console=console, transient=first.table is not None)

    def show(self, standing: Standing) -> None:
        """Print its news above what is redrawn, at once or in a moment."""
        self.standing = standing
        for line in standing.news:
            if line.kind == "notice" or (line.kind != "moved" and standing.table is None):
                self.console.print(line.text, highlight=False, markup=False)

    def __rich__(self) -> RenderableType:
        standing = self.standing
        if standing.table is not None:
            return Group(standing.table, Text(standing.bars(standing.left)[0].words))
        bars = standing.bars(clock_time(time.monotonic() - self.started), standing.left)
        columns = zip(*((bar.name, bar.words) for bar in bars), strict=True)
        room = self.console.width - sum(max(map(cell_len, column)) for column in columns) - 2 * GAP
        if room < SHORTEST_BAR:
            return Group(*(Text(f"{bar.name}  {bar.words}", overflow="fold") for bar in bars))
        table = Table.grid(padding=(0, GAP, 0, 0))
        for bar in bars:
            drawn = ProgressBar(bar.total, bar.done, width=min(LONGEST_BAR, room))
            table.add_row(Text(bar.name), drawn, Text(bar.words))
        return table


class NotebookScreen(AbstractContextManager["NotebookScreen"]):
    """Redraws bars below a notebook's cell, and leaves nothing but failures.

    It needs IPython, which every notebook has, and no widgets: so it shows in JupyterLab, VS Code and Colab alike.
    """

    def __init__(self, first: Standing) -> None:
        from IPython.display import display

        self._handle = display(_bundle(""), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._drawn = 0.0
        self._notice = ""
        self._failures: list[str] = []
        self.show(first)

    def __exit__(self, *_: object) -> None:
        """Leave a line for each failure."""
        self._handle.update(_bundle("".join(f"<div>{escape(line)}</div>" for line in self._failures)), raw=True)

    def show(self, standing: Standing) -> None:
        """Redraw the bars, unless that was a moment ago, with the last notice beside the first."""
        for line in standing.news:
            if line.kind == "notice":
                self._notice = line.text
            elif line.kind == "failed":
                self._failures.append(line.text)
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS:
            self._drawn = time.monotonic()
            self._handle.update(_bundle(_bars_html(standing.bars(standing.left, self._notice))), raw=True)


def _bundle(html: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": ""}


def _bars_html(bars: Sequence[Bar]) -> str:
    rows = "".join(
        f'<tr style="background: none"><td style="{CELL}">{escape(bar.name)}</td>'
        f'<td style="{CELL}"><progress value="{bar.done}" max="{bar.total}"></progress></td>'
        f'<td style="{CELL}; font-variant-numeric: tabular-nums">{escape(bar.words)}</td></tr>'
        for bar in bars
    )
    return f'<table style="border: none">{rows}</table>'
