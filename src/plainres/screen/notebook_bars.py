"""Bars below a notebook's cell, redrawn in place and gone at the end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

SECONDS_BETWEEN_DRAWINGS = 0.2
CELL = "text-align: left; padding: 0 1em 0 0; border: none; background: none"


@dataclass(frozen=True)
class Bar:
    """How far something is: so much of a total, and words beside it."""

    name: str
    done: int
    total: int
    words: str


class NotebookBars:
    """Needs IPython, which every notebook has, and no widgets: so it shows in JupyterLab, VS Code and Colab alike."""

    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display(_bundle(""), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._drawn = 0.0

    def draw(self, bars: Sequence[Bar]) -> None:
        """Show these bars in place of those before, unless that was a moment ago."""
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS:
            self._drawn = time.monotonic()
            self._handle.update(_bundle(_table(bars)), raw=True)

    def close(self, lines: Sequence[str] = ()) -> None:
        """Leave these lines, or nothing."""
        self._handle.update(_bundle("".join(f"<div>{escape(line)}</div>" for line in lines)), raw=True)


def _bundle(html: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": ""}


def _table(bars: Sequence[Bar]) -> str:
    rows = "".join(
        f'<tr style="background: none"><td style="{CELL}">{escape(bar.name)}</td>'
        f'<td style="{CELL}"><progress value="{bar.done}" max="{bar.total}"></progress></td>'
        f'<td style="{CELL}; font-variant-numeric: tabular-nums">{escape(bar.words)}</td></tr>'
        for bar in bars
    )
    return f'<table style="border: none">{rows}</table>'
