"""Notebooks say what their pages say, and the outputs are those of a real run."""

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.docs.write_notebook import NOTEBOOKS, call, notebook, notebook_of, page_of, run

PAGE = page_of("lesson")
STORED = nbformat.read(notebook_of("lesson"), as_version=4)
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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_made_of_its_page(name: str) -> None:
    stored = nbformat.read(notebook_of(name), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in stored.cells] == [
        (cell.cell_type, cell.source) for cell in notebook(name).cells
    ], f"python -m tests.docs.write_notebook {name} --run writes it anew"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_command_of_a_page_is_a_cell(name: str) -> None:
    lines = [sorted(line.lstrip("# ").split()) for line in "\n".join(code(notebook(name))).splitlines()]
    for line in re.findall(
        "^uv run python -m (?:experiments|studies)[.](.+)$", page_of(name).read_text(), re.MULTILINE
    ):
        command, *flags = line.partition("  #")[0].split()
        if command != "degradation":
            assert sorted(["%run", "-m", "plainres", command.replace("_", "-"), *flags]) in lines


def test_flags_that_differ_from_the_command_before_come_first() -> None:
    (broken,) = [
        source for source in code(STORED) if "--variant plain" in source and "--epochs" in source and "#" not in source
    ]
    plain, residual = (line.removeprefix("%run -m plainres image-classification ") for line in broken.splitlines())
    assert plain.startswith("--depth 34 --variant plain --dataset digits ")
    assert residual.startswith("--depth 34 --dataset digits ")
    tries = [
        source for source in code(STORED) if source.startswith("# %run -m plainres image-classification --depth 18")
    ]
    assert len(tries) == 1


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_keeps_its_runs_where_the_commands_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / f"{name}.ipynb").touch()
    monkeypatch.chdir(tmp_path / "docs")
    start = next(iter(code(notebook(name)))).partition("try:")[0]
    for _ in range(2):  # a cell may be run again
        exec(start, {})
        assert Path.cwd() == tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_lessons_stored_outputs_are_those_of_the_text(command: str) -> None:
    assert holds(results(printed(code(STORED)[call(command)])), results(dict(SHOWN)[command]))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small_and_says_nothing_of_where_it_was_run(name: str) -> None:
    assert notebook_of(name).stat().st_size < 2**20
    assert "/tmp/" not in notebook_of(name).read_text()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_cell_of_a_notebook_has_failed(name: str) -> None:
    outputs = [out for cell in code(nbformat.read(notebook_of(name), as_version=4)).values() for out in cell.outputs]
    assert outputs
    assert not [out for out in outputs if out.output_type == "error"]


@pytest.mark.slow
def test_the_lesson_runs_whole_and_comes_to_what_the_text_says() -> None:
    made = run(notebook("lesson"))
    for command in COMMANDS:
        text, output = dict(SHOWN)[command], printed(code(made)[call(command)])
        if "--summary" in command:
            assert holds(results(output), results(text))
        else:  # another processor's last bits come to others: where it ends, to five percentage points
            last = text.splitlines()[-1]
            (found,) = [line for line in output.splitlines() if line.split()[:1] == last.split()[:1]]
            assert results(found) == pytest.approx(results(last), abs=5)
    (compared,) = [cell for source, cell in code(made).items() if source.startswith("sweep = ")]
    assert "Undecided: it can't be said yet" in printed(compared)
