"""A report in Markdown, its figures beside it."""

from collections.abc import Sequence

from plainres.analysis.report_content import TITLE, Block, Bullets, DataTable, Heading, Paragraph
from plainres.analysis.verdict import Verdict
from plainres.screen.table import escaped, markdown


def markdown_page(verdict: Verdict, blocks: Sequence[Block]) -> str:
    """The report's text; its pictures are the files NAME.png."""
    return "\n\n".join((f"# {TITLE}", escaped(verdict.sentence), *map(_markdown, blocks))) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {text}"
        case Paragraph(text):
            return escaped(text)
        case Bullets(lines):
            return "\n".join(f"- {escaped(line)}" for line in lines)
        case DataTable(columns, rows, caption):
            return markdown(columns, rows, caption)
        case _:
            return f"![{block.alternative}]({block.name}.png)\n\n{block.caption}"
