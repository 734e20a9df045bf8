"""Writes tables of text in a terminal, in Markdown and in LaTeX: names to the left, numbers to the right."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 1  # between columns, of the box
# What Markdown would read as its own; an underscore within a word, or a bracket that no address follows, it doesn't.
MARKDOWN_SIGNS = re.compile(r"[\\`*<>|$~]|(?<!\w)_|_(?!\w)|\](?=[(\[:])")

LONGEST_LATEX_NAME = 16  # characters, that stay on a line
LATEX_BREAKS = re.compile(r"[:,=]|\\_|-(?!-)")  # after which a name may go on in another line
LATEX_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--",
    "×": r"$\times$", "≤": r"$\le$", **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


@dataclass(frozen=True)
class TextTable:
    """Holds rows of text under columns. A terminal folds cells between words; where it would cut them, rows are lines.

    Attributes:
        links: the address that each row's first cell leads to on a page, where there are any.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    links: tuple[str, ...] = ()

    def picked(self, columns: Iterable[str], caption: str = "") -> "TextTable":
        """Return these columns alone, under another caption."""
        places = [self.columns.index(column) for column in columns]
        head, *rows = (tuple(cells[place] for place in places) for cells in (self.columns, *self.rows))
        return TextTable(head, tuple(rows), caption, self.links)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        if widths:
            yield self._table(widths)
        else:
            for first, *rest in self.rows:
                cells = [f"{column} {cell}" for column, cell in zip(self.columns[1:], rest, strict=True) if cell]
                yield Text(", ".join([first, *cells]), overflow="fold")
        yield Text(self.caption, style="italic dim", overflow="fold")

    def _widths(self, most: int) -> list[int]:
        """Give the columns' widths, so that no word is cut; cells stay on a line from the second column on, names last.

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


def text_table(columns: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> TextTable:
    """Make a table of any columns and rows."""
    return TextTable(tuple(columns), tuple(map(tuple, rows)), caption)


def markdown(table: TextTable) -> str:
    """Write a table in Markdown, its caption below."""
    cells = [list(map(escaped, line)) for line in (table.columns, *table.rows)]
    for row, link in zip(cells[1:], table.links, strict=False):
        row[0] = f"[{row[0]}]({link})"
    lines = [cells[0], ["---", *["---:"] * (len(table.columns) - 1)], *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{table.caption}".rstrip()


def latex(table: TextTable, label: str) -> str:
    """Write a table in LaTeX, for the package booktabs, its caption above; long names of rows fold."""
    folds = max((cell_len(row[0]) for row in table.rows), default=0) > LONGEST_LATEX_NAME
    cells = [list(map(_latex_text, line)) for line in (table.columns, *table.rows)]
    for line in cells:
        line[0] = LATEX_BREAKS.sub(r"\g<0>\\allowbreak{}", line[0]) if folds else line[0]
    head, *body = [" & ".join(line) + r" \\" for line in cells]
    kinds = (r"p{0.32\columnwidth}" if folds else "l") + "r" * (len(table.columns) - 1)
    return "\n".join(
        [
            r"\begin{table}[tb]",
            r"\setlength{\belowcaptionskip}{4pt}",
            rf"\caption{{{_latex_text(table.caption)}}}",
            rf"\label{{{label}}}",
            r"\centering\small\setlength{\tabcolsep}{3pt}",
            rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Mark what Markdown would read as its own, so that it shows the text as it is."""
    return MARKDOWN_SIGNS.sub(r"\\\g<0>", " ".join(text.splitlines()))


def _latex_text(text: str) -> str:
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in " ".join(text.splitlines()))


def _folding(row: Sequence[str]) -> Sequence[str]:
    """Let the first cell of a row fold between an arm's settings as well."""
    return [re.sub("([:,_])", "\\1\n", row[0]), *row[1:]]
