"""Imports run one way: a room may import those below it, and of its own floor what is named here."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "src" / "plainres"
# From the ground up. What stands in one set doesn't import each other.
FLOORS = [
    {"errors", "names"},
    {"settings"},
    {"system", "screen"},
    {"networks", "data"},
    {"probes", "models"},
    {"training", "tracking"},
    {"running"},
    {"launchers"},
    {"sweeps"},
    {"analysis", "tuning"},
    {"explain"},
    {"workflows"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
MOST_LOOSE = 6  # modules that stand beside the rooms


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
MODULES = {".".join(path.relative_to(LIBRARY).with_suffix("").parts): path for path in FILES if path.stem != "__init__"}


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


def test_few_modules_stand_outside_the_rooms() -> None:
    loose = {path.stem for path in LIBRARY.glob("*.py")}
    assert len(loose) <= MOST_LOOSE, loose


def imported_files(path: Path) -> set[str]:
    """The modules whose files a file imports, at its top, in a function or for types; no package as such."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("plainres.") for name in found} & MODULES.keys()


def test_no_two_files_import_each_other_directly_or_in_a_circle() -> None:
    left = {name: imported_files(path) for name, path in MODULES.items()}
    while ends := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ends}
    assert not left, f"in a circle, or above one: {sorted(left)}"
