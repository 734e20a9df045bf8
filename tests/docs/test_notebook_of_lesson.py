"""The lesson's notebook says what its page says, and its outputs are those of a real run."""

import re

import nbformat

from tests.docs.write_notebook import NOTEBOOK, PAGE, notebook

STORED = nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_made_of_the_page() -> None:
    words = "python -m tests.docs.write_notebook --run writes it anew"
    assert [(cell.cell_type, cell.source) for cell in STORED.cells] == [
        (cell.cell_type, cell.source) for cell in notebook().cells
    ], words


def test_every_command_of_the_page_is_a_cell() -> None:
    code = "\n".join(cell.source for cell in STORED.cells if cell.cell_type == "code")
    for line in re.findall("^uv run python -m (?:experiments|studies)[.](.+)$", PAGE.read_text(), re.MULTILINE):
        name, _, flags = line.partition(" ")
        if name != "degradation":
            assert f"plainres {name.replace('_', '-')} {flags}".strip() in code


def test_it_is_small() -> None:
    assert NOTEBOOK.stat().st_size < 2**20
