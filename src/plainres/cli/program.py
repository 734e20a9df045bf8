"""Run the command `plainres`: each experiment and study by its name, from the files that `python -m` runs."""

import ast
import re
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from textwrap import fill

from plainres.cli.command_line import BAD_INPUT, FINISHED, left_by_reader, run_command
from plainres.cli.help_text import beside, columns
from plainres.settings.declaration import nearest
from plainres.system.stopping import say_interrupts_in_a_line

LIBRARY = Path(__file__).parents[1]
PACKAGED = LIBRARY / "_commands"  # where a wheel has them; in a clone they stand beside src
ROOMS = ("experiments", "studies")
OF_STORE = {"sweeps": "list_sweeps", "browse": "browse"}  # files beside this one
USAGE = "usage: plainres [--help | --version] COMMAND [--help] ..."
PLACE = "Runs are kept in mlflow.db and mlruns/ in the folder where you are, or where MLFLOW_TRACKING_URI points."
SUMMARY = "Plain and residual networks of equal depth, trained alike and compared with evidence (He et al. 2015)."


def main() -> int:
    """Run the command that the first argument names."""
    say_interrupts_in_a_line()
    name, arguments = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if name in ("--help", "-h", "--version"):
        try:
            print(version("plainres") if name == "--version" else help_text(), flush=True)
        except BrokenPipeError:
            return left_by_reader()
        return FINISHED
    found = command_files()
    if name not in found:
        hint = nearest(name, found, "--help lists them")
        print(f"error: no command is called {name!r}; {hint}", file=sys.stderr)
        return BAD_INPUT
    program = f"plainres {name}"
    sys.argv = [program, *arguments]
    if not PACKAGED.exists():
        sys.path.insert(0, str(LIBRARY.parents[1]))
    path = found[name].with_suffix("")
    root = LIBRARY.parent if path.is_relative_to(LIBRARY) else LIBRARY.parents[1]
    module = import_module(".".join(path.relative_to(root).parts))
    return run_command(module.Flags, module.main, program)


def command_files() -> dict[str, Path]:
    """Return the file of each command by its name, as `lr-batch-size`."""
    root = PACKAGED if PACKAGED.exists() else LIBRARY.parents[1]
    asked = [path for room in ROOMS for path in sorted((root / room).glob("[!_]*.py"))]
    of_store = {name: Path(__file__).with_name(f"{stem}.py") for name, stem in OF_STORE.items()}
    return {path.stem.replace("_", "-"): path for path in asked} | of_store


def help_text() -> str:
    """List what there is, a paragraph each: the first line of each file."""
    found, width = command_files(), columns()
    lines = [beside(name, question(path), max(map(len, found)) + 4, width) for name, path in found.items()]
    return "\n".join([USAGE, "", fill(SUMMARY, width), "", *lines, "", fill(PLACE, width)])


def question(path: Path) -> str:
    """Return what a command's file says first, without how it's run."""
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    return re.sub(r"\s*`python -m[^`]*`\.?$", "", first)
