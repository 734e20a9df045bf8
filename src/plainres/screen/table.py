"""Write tables of text for the terminal, in Markdown, LaTeX and HTML: names to the left, numbers to the right."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 1  # between columns, of the box
# What Markdown would read as its own; an underscore within a word, or a bracket that no address follows, it doesn't.
MARKDOWN_SIGNS = re.compile(r"[\\`*<>|$~]|(?<!\w)_|_(?!\w)|\](?=[(\[:])")

LATEX_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--",
    "×": r"$\times$", "≤": r"$\le$", **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


@dataclass(frozen=True)
class TerminalTable:
    """Fits a table to its terminal: cells fold between words; where words would be cut, rows become sentences."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        if widths:
            yield self._table(widths)
        else:
            for first, *rest in self.rows:
                cells = [f"{column} {cell}" for column, cell in zip(self.columns[1:], rest, strict=True) if cell]
                yield Text(", ".join([first, *cells]), overflow="fold")
        yield Text(self.caption, style="italic", overflow="fold")

    def _widths(self, most: int) -> list[int]:
        """Give every column a width that cuts no word; cells stay on a line from the second column on, names last.

        No width is given where the table is too wide. A heading may fold in any case.
        """
        columns = list(zip(self.columns, *map(_folding, self.rows), strict=True))
        widths = [max(cell_len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
        room = most - sum(widths) - (len(widths) - 1) * GAP
        if room < 0:
            return []
        for index, (_, *cells) in [*[*enumerate(columns)][1:], (0, columns[0])]:
            more = max((cell_len(line) for cell in cells for line in cell.splitlines()), default=0) - widths[index]
            if 0 < more <= room:
                widths[index] += more
                room -= more
        return widths

    def _table(self, widths: Sequence[int]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
        for index, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            table.add_column(Text(column), justify="right" if index else "left", width=width)
        for row in map(_folding, self.rows):
            table.add_row(*map(Text, row))
        return table


def terminal(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> TerminalTable:
    """Make the table for a terminal, its caption below."""
    return TerminalTable(tuple(columns), tuple(map(tuple, rows)), caption)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Write the table in Markdown, its caption below."""
    cells = [list(map(escaped, line)) for line in (columns, *rows)]
    lines = [cells[0], ["---", *["---:"] * (len(columns) - 1)], *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{caption}"


def latex(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Write the table in LaTeX, for the package booktabs, its caption above."""
    lines = [" & ".join(map(_latex_text, line)) + r" \\" for line in (columns, *rows)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_latex_text(caption)}}}",
            r"\centering",
            rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def html(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Write the table in HTML, its caption below, in the colours of the page that shows it."""
    sides = ["left", *["right"] * (len(columns) - 1)]

    def line(tag: str, cells: Sequence[str]) -> str:
        styled, wraps = zip(sides, cells, strict=True), "normal" if tag == "th" else "nowrap"
        inner = "".join(
            f'<{tag} style="text-align: {side}; white-space: {wraps}">{_html_text(cell)}</{tag}>'
            for side, cell in styled
        )
        return f"<tr>{inner}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', columns)}</thead><tbody>{body}</tbody></table><p><em>{escape(caption)}</em></p>"


def escaped(text: str) -> str:
    """Write the text so that Markdown shows it as it is."""
    return MARKDOWN_SIGNS.sub(r"\\\g<0>", " ".join(text.splitlines()))


def _html_text(text: str) -> str:
    return escape(text).replace(" %", "&nbsp;%")


def _latex_text(text: str) -> str:
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in " ".join(text.splitlines()))


def _folding(row: Sequence[str]) -> Sequence[str]:
    """Let the first cell fold between an arm's settings as well."""
    return [re.sub("([:,_])", "\\1\n", row[0]), *row[1:]]
