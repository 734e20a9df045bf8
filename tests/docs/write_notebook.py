"""Writes docs/PAGE.ipynb from docs/PAGE.md: `python -m tests.docs.write_notebook PAGE`, and with `--run` its outputs.

Without it, cells that are as they were keep theirs.

The text becomes text, a command becomes a cell, and what the page shows as its output is left to the cell. The flags of
a question to try become a cell of its own, whose lines a reader uncomments. Of flags that most repeat those before,
what differs comes first: the end of a long line is out of view.
"""

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.docs.short import given
from tests.environment import ROOT

NOTEBOOKS = {"lesson": "the lesson", "why": "the page"}  # what the pages call themselves
PARTS = re.compile(r"^```(\w*)\n(.*?)^```\n|^(\*Try:\*[^\n]*)\n", re.MULTILINE | re.DOTALL)
COMMAND = "uv run python -m "
START = """\
import os

if os.path.exists("{}.ipynb"):
    os.chdir("..")  # the clone's own folder, whose store the commands share
try:
    import plainres
except ImportError:  # on a machine that has nothing yet; some minutes
    %pip install --quiet .
    import plainres"""
NOTE = (
    "*This is [{}]({}.md) as a notebook: run a cell, change a number, run it again. A line that begins "
    "with `%run -m plainres` is a command of the text, and `plainres.compare` is the command `degradation`.*"
)


def page_of(name: str) -> Path:
    """A page that is a notebook too."""
    return ROOT / "docs" / f"{name}.md"


def notebook_of(name: str) -> Path:
    """Where its notebook lies."""
    return page_of(name).with_suffix(".ipynb")


def notebook(name: str) -> NotebookNode:
    """The notebook of a page, without outputs."""
    note = new_markdown_cell(NOTE.format(NOTEBOOKS[name], name))
    cells = [note, new_code_cell(START.format(name)), *cells_of(page_of(name).read_text())]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def cells_of(text: str) -> Iterator[NotebookNode]:
    """The page's cells in their order."""
    prose, end, commands, after_command = "", 0, [""], False
    for part in PARTS.finditer(text):
        before = text[end : part.start()]
        prose, end = prose + before, part.end()
        language, block, question = part.groups()
        if block and block.startswith(COMMAND):
            yield from text_cell(prose)
            before, commands = commands[0], block.splitlines()
            yield new_code_cell("\n".join(call(changed_first(line, before)) for line in commands))
            prose, after_command = "", True
        elif block and after_command and not language and not before.strip():
            after_command = False  # the output of the command before
        elif question:
            yield from text_cell(prose + question)
            prose = ""
            lines = [with_flags(commands[0], flags) for flags in re.findall("`(--[^`]+)`", question)]
            tries = [f"# {call(changed_first(line, commands[0]), last=False)}" for line in lines]
            if tries:
                yield new_code_cell("\n".join(tries))
        else:
            prose += part[0]
    yield from text_cell(prose + text[end:])


def text_cell(prose: str) -> list[NotebookNode]:
    return [new_markdown_cell(prose.strip())] if prose.strip() else []


def parts_of(command: str) -> tuple[str, dict[str, list[str]]]:
    """The module of a command, and the values of each of its flags."""
    module, *words = shlex.split(command.removeprefix(COMMAND), comments=True) or [""]
    return module, given(words)


def command_of(module: str, flags: Mapping[str, list[str]]) -> str:
    return COMMAND + shlex.join([module, *(word for name in flags for word in (f"--{name}", *flags[name]))])


def with_flags(command: str, flags: str) -> str:
    """A command with these flags in place of its own of the same names."""
    module, asked = parts_of(command)
    return command_of(module, {**asked, **given(shlex.split(flags))})


def changed_first(command: str, before: str) -> str:
    """A command whose flags mostly repeat the ones before, with what differs first; any other as it is."""
    (module, flags), (_, shown) = parts_of(command), parts_of(before)
    changed = {name: values for name, values in flags.items() if shown.get(name) != values}
    return command_of(module, {**changed, **flags}) if len(changed) < len(flags) / 2 else command


def call(command: str, *, last: bool = True) -> str:
    """What stands in a cell for a command."""
    module, *words = shlex.split(command.removeprefix(COMMAND), comments=True)
    name = module.partition(".")[2].replace("_", "-")
    if name != "degradation":
        downloads = name == "image-classification" and not {"--summary", "--dataset"} & set(words)
        return ("# " if downloads else "") + f"%run -m plainres {name} {shlex.join(words)}".strip()
    keywords = {name.replace("-", "_"): values for name, values in given(words).items()}
    listed = ", ".join(
        f"{key}=[{', '.join(map(literal, values))}]"
        if key == "depths" or len(values) > 1
        else f"{key}={literal(values[0])}"
        for key, values in keywords.items()
    )
    return f"sweep = plainres.compare({listed})\nsweep" if last else f"plainres.compare({listed})"


def literal(word: str) -> str:
    """A flag's value in Python."""
    return word if re.fullmatch(r"-?[\d.]+(e-?\d+)?", word) else f'"{word}"'


def run(made: NotebookNode) -> NotebookNode:
    """The notebook with its outputs, made in an empty store and without the times and the folder of that."""
    from nbclient import NotebookClient

    with TemporaryDirectory() as folder:
        client = NotebookClient(made, timeout=3600, resources={"metadata": {"path": folder}}, record_timing=False)
        return nbformat.reads(nbformat.writes(client.execute()).replace(folder, "."), as_version=4)


def keeping_outputs(made: NotebookNode, before: NotebookNode) -> NotebookNode:
    """The notebook with what was printed below the same cells before."""
    known = {cell.source: cell for cell in before.cells if cell.cell_type == "code"}
    for cell in made.cells:
        if cell.cell_type == "code" and cell.source in known:
            cell.outputs, cell.execution_count = known[cell.source].outputs, known[cell.source].execution_count
    return made


if __name__ == "__main__":
    name = sys.argv[1]
    made = notebook(name)
    made = run(made) if "--run" in sys.argv else keeping_outputs(made, nbformat.read(notebook_of(name), as_version=4))
    notebook_of(name).write_text(nbformat.writes(made) + "\n")
