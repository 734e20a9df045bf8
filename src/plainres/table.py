"""Tables of text for the terminal and in Markdown: the first column, of names, to the left, numbers to the right."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table


def terminal(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> Table:
    """The table for a terminal, its caption below."""
    table = Table(
        *columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left"
    )
    for column in table.columns:
        column.justify = "left" if column.header == columns[0] else "right"
    for row in rows:
        table.add_row(*row)
    return table


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """The table in Markdown, its caption below."""
    lines = [columns, ("---", *["---:"] * (len(columns) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{caption}"
