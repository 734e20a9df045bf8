"""Imports run one way: a room may import those below it, and of its own floor what is named here."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "src" / "plainres"
# From the ground up. What stands in one set doesn't import each other.
FLOORS = [
    {"errors", "names", "interrupts", "machine_folders", "repeated", "uncollected"},
    {"durable", "declaration", "table", "figure_style", "terminal", "notebook_bars", "thresholds"},
    {"settings"},
    {"setting_keywords"},
    {"hardware", "recipes"},
    {"networks", "data"},
    {"probes", "models"},
    {"config", "training", "tracking"},
    {"running"},
    {"sweeps"},
    {"analysis", "tuning", "throughput"},
    {"comparing", "studying"},
    {"interactive"},
    {"command_line"},
    {"checkpoint_flags", "commands"},
    {"__main__"},
    {"sweep_flags"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> set[str]:
    """The rooms that a file imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "plainres":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("plainres."):
            found.add(room_of(str(node.module)))
        elif isinstance(node, ast.Import):
            found |= {room_of(alias.name) for alias in node.names if alias.name.startswith("plainres.")}
    return found


FILES = sorted(path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY or path.stem != "__init__")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(LIBRARY)) for path in FILES])
def test_a_file_imports_only_from_floors_below_its_own(path: Path) -> None:
    room = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
    for other in imported(path) - {room}:
        assert FLOOR_OF[other] < FLOOR_OF[room], f"{room} imports {other}"


@pytest.mark.parametrize("room", ["networks", "data", "training", "probes"])
def test_what_trains_knows_no_mlflow(room: str) -> None:
    for path in (LIBRARY / room).rglob("*.py"):
        modules = {node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        assert not {module for module in modules if (module or "").startswith(("mlflow", "plainres.tracking"))}, path


def test_no_two_files_share_a_name_unless_they_are_of_one_kind() -> None:
    names = [path.stem for path in FILES if path.stem != "__init__"]
    assert {name for name in names if names.count(name) > 1} == set()
