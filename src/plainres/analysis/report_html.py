"""A report as one HTML file, which needs no network: figures inline, read on paper, on a phone and in the dark."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from plainres.analysis.report_content import TITLE, Block, Bullets, DataTable, Heading, Paragraph, Picture
from plainres.analysis.verdict import Verdict

STYLE = """
:root { color-scheme: light dark; --text: #1b1b1f; --dim: #55555f; --back: #fff; --line: #d4d4dc; --link: #0b57a4;
  --card: #f4f5f8; --mark: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8ee; --dim: #b3b3bf; --back: #17181c; --line: #3c3d46; --link: #8fc1ff; --card: #22242a;
    --mark: #8fc1ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
a { color: var(--link); }
.verdict { background: var(--card); border-left: .3rem solid var(--mark); padding: .8rem 1rem; margin: 0 0 1rem; }
.verdict strong { display: block; font-size: 1.15rem; }
table { border-collapse: collapse; width: 100%; margin: 1.2rem 0; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; }
caption, figcaption { color: var(--dim); font-size: .88rem; padding-top: .5rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  overflow-wrap: normal; }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: break-word; }
th { font-weight: 600; }
td:first-child { font-weight: 600; }
figure { margin: 1.6rem 0; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: .3rem; padding: .4rem; }
figure.narrow img { max-width: 36rem; margin: 0 auto; }
li { margin: .15rem 0; }
@media screen and (max-width: 900px) {
  thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }
  table { display: flex; flex-direction: column; }
  caption { order: 1; }
  tbody, tr, td, caption { display: block; width: 100%; }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-column); color: var(--dim); font-weight: 400; text-align: left; }
  td:first-child::before { content: none; }
}
@media print {
  :root { --text: #000; --dim: #333; --back: #fff; --line: #999; --link: #000; --card: #fff; --mark: #000; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  figure, tr, .verdict { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
# Nothing is fetched, whatever a name in the report may hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Drawing:
    """A figure as SVG, for a wide page, and for a phone where that needs another."""

    wide: str
    narrow: str | None


def html_page(verdict: Verdict, blocks: Sequence[Block], drawings: Mapping[str, Drawing]) -> str:
    """The report's page.

    Args:
        blocks: what it says, as from `plainres.analysis.report_content.content`.
        drawings: by the names of its pictures.
    """
    outcome, _, rest = verdict.sentence.partition(": ")
    body = "\n".join(_html(block, drawings) for block in blocks)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(TITLE)} {escape(outcome)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(TITLE)}</h1>
<p class="verdict"><strong>{escape(outcome)}</strong> {escape(rest[:1].upper() + rest[1:])}</p>
{body}
</main>
</body>
</html>
"""


def _html(block: Block, drawings: Mapping[str, Drawing]) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(lines):
            return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
        case DataTable():
            return _table(block)
        case Picture():
            return _figure(block, drawings[block.name])


def _table(table: DataTable) -> str:
    """Roles are named since a table that is folded for a phone would lose them."""
    head = "".join(f'<th scope="col" role="columnheader">{escape(column)}</th>' for column in table.columns)
    links = table.links or ("",) * len(table.rows)
    rows = "\n".join(_row(table.columns, row, link) for row, link in zip(table.rows, links, strict=True))
    return (
        f'<table role="table"><caption>{escape(table.caption)}</caption>\n<thead role="rowgroup"><tr role="row">{head}'
        f'</tr></thead>\n<tbody role="rowgroup">\n{rows}\n</tbody></table>'
    )


def _row(columns: Sequence[str], row: Sequence[str], link: str) -> str:
    cells = [escape(cell).replace(" ± ", "&nbsp;±&nbsp;") for cell in row]
    cells[0] = re.sub("([:,])", r"\1<wbr>", cells[0])  # between an arm's settings a line may end
    if link:
        cells[0] = f'<a href="{escape(link)}">{cells[0]}</a>'
    marked = "".join(
        f'<td role="cell" data-column="{escape(column)}">{cell}</td>'
        for column, cell in zip(columns, cells, strict=True)
    )
    return f'<tr role="row">{marked}</tr>'


def _figure(picture: Picture, drawing: Drawing) -> str:
    source = f'<source media="(max-width: 640px)" srcset="{_data(drawing.narrow)}">' if drawing.narrow else ""
    kind = "" if drawing.narrow else ' class="narrow"'
    image = f'<img alt="{escape(picture.alternative)}" src="{_data(drawing.wide)}">'
    return (
        f"<figure{kind}><picture>{source}{image}</picture><figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _data(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
