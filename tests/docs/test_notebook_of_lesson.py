"""The lesson's notebook says what its page says, and its outputs are those of a real run."""

import re
from collections.abc import Sequence

import nbformat
import pytest
from nbformat import NotebookNode

from tests.docs.write_notebook import NOTEBOOK, PAGE, call, notebook, run

STORED = nbformat.read(NOTEBOOK, as_version=4)
# A command alone, and what the page shows of its output.
SHOWN = re.findall(r"^```\n(uv run python -m experiments[^\n]+)\n```\n\n```\n(.*?)^```", PAGE.read_text(), re.M | re.S)
COMMANDS = [command for command, _ in SHOWN]


def code(made: NotebookNode) -> dict[str, NotebookNode]:
    """The cells of code, by what stands in them."""
    return {cell.source: cell for cell in made.cells if cell.cell_type == "code"}


def printed(cell: NotebookNode) -> str:
    return "".join(out.text if out.output_type == "stream" else out.data["text/plain"] for out in cell.outputs)


def results(text: str) -> list[float]:
    """The numbers of an output, without times and losses, which differ from machine to machine."""
    kept = re.sub(r"[\d.]+ m?s/step|loss [\d.]+", "", text)
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", kept)]


def holds(found: Sequence[float], expected: Sequence[float]) -> bool:
    """Whether these numbers stand in an output, next to each other."""
    starts = range(len(found) - len(expected) + 1)
    return any(found[start : start + len(expected)] == expected for start in starts)


def test_the_notebook_is_made_of_the_page() -> None:
    words = "python -m tests.docs.write_notebook --run writes it anew"
    assert [(cell.cell_type, cell.source) for cell in STORED.cells] == [
        (cell.cell_type, cell.source) for cell in notebook().cells
    ], words


def test_every_command_of_the_page_is_a_cell() -> None:
    lines = "\n".join(code(STORED))
    for line in re.findall("^uv run python -m (?:experiments|studies)[.](.+)$", PAGE.read_text(), re.MULTILINE):
        name, _, flags = line.partition(" ")
        if name != "degradation":
            assert f"plainres {name.replace('_', '-')} {flags}".strip() in lines


needs_outputs = pytest.mark.skipif(
    not printed(code(STORED)[call(COMMANDS[0])]), reason="it was not run yet: write_notebook --run"
)


@needs_outputs
@pytest.mark.parametrize("command", COMMANDS)
def test_the_stored_outputs_are_those_of_the_text(command: str) -> None:
    assert holds(results(printed(code(STORED)[call(command)])), results(dict(SHOWN)[command]))


def test_it_is_small_and_says_nothing_of_where_it_was_run() -> None:
    assert NOTEBOOK.stat().st_size < 2**20
    assert "/tmp/" not in NOTEBOOK.read_text()


@needs_outputs
@pytest.mark.slow
def test_it_runs_whole_and_comes_to_what_the_text_says() -> None:
    made = run(notebook())
    for command in COMMANDS:
        text, output = dict(SHOWN)[command], printed(code(made)[call(command)])
        if "--summary" in command:
            assert holds(results(output), results(text))
        else:  # another processor's last bits come to others: where it ends, to five percentage points
            last = text.splitlines()[-1]
            (found,) = [line for line in output.splitlines() if line.split()[:1] == last.split()[:1]]
            assert results(found) == pytest.approx(results(last), abs=5)
    (compared,) = [cell for source, cell in code(made).items() if source.startswith("sweep = ")]
    assert "Reproduced: from depth 20 to 110" in printed(compared)
