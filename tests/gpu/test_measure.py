import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic

import pytest

from plainres.cli.command_line import run_command
from tests.gpu.measure import main, measure
from tests.gpu.parts import Folders, Part, needing_cuda, parts_of
from tests.gpu.scale import FULL, SMALL, Scale


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "images", tmp_path / "out", tmp_path / "work")


def program(name: str, script: str, share: float = 1) -> Part:
    return Part(name, share, f"{name}.txt", lambda _: ["sh", "-c", script])


def refused(seconds: float) -> list[str]:
    raise ValueError(f"nothing fits into {seconds:.0f} s")


def test_no_part_stops_those_after_it_and_each_leaves_what_it_found(folders: Folders) -> None:
    parts = [
        program("failing", "echo no GPU >&2; exit 1"),
        Part("refused", 1, "refused.txt", refused),
        program("hanging", "sleep 30", 0.1),
        program("last", f"echo '[1]' > {folders.results}/found.json; echo it works"),
    ]
    started = monotonic()
    measure(parts, 4, folders)
    assert monotonic() - started < 4
    rows = [line.split(" | ")[:2] for line in (folders.out / "summary.md").read_text().splitlines()[4:]]
    assert rows == [
        ["| failing", "failed with exit code 1"],
        ["| refused", "couldn't begin: nothing fits into 2 s"],
        ["| hanging", "stopped by its limit"],
        ["| last", "finished"],
    ]
    assert "no GPU" in (folders.out / "failing.txt").read_text()
    assert "it works" in (folders.out / "last.txt").read_text()
    assert json.loads((folders.out / "results.json").read_text()) == {"found": [1]}


def test_what_is_left_over_is_for_later_parts_and_the_last_ends_by_the_limit(folders: Folders) -> None:
    limits = []

    def command(seconds: float) -> list[str]:
        limits.append(seconds)
        return ["sleep", "30" if len(limits) > 1 else "0"]

    parts = [Part("first", 3, "log.txt", command), Part("second", 1, "log.txt", command)]
    started = monotonic()
    measure(parts, 0.8, folders)
    assert monotonic() - started < 2
    assert limits[0] == pytest.approx(0.6, abs=0.1)
    assert 0.2 < limits[1] < 0.8


def test_only_parts_that_are_asked_for_are_carried_out(tmp_path: Path) -> None:
    words = ["--small", "--seconds", "0.2", "--out", tmp_path / "out", "--work", tmp_path / "work", "--parts", "prof"]
    assert main([str(word) for word in words]) == 1
    assert "| profile | stopped by its limit |" in (tmp_path / "out" / "summary.md").read_text()
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"summary.md", "profile.txt", "results.json"}


@pytest.mark.parametrize("scale", [FULL, SMALL], ids=["full", "small"])
def test_the_commands_ask_for_what_experiments_take(
    scale: Scale, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in commands_of(scale, folders):
        _, _, name, *arguments = command
        if name.startswith("experiments."):
            taken: list[object] = []
            monkeypatch.setattr("sys.argv", [name, *arguments])
            flags = import_module(name).Flags
            assert run_command(flags, lambda asked, taken=taken: taken.append(asked) or 0, name) == 0
            assert taken[0].run.data_dir in (str(folders.work / "some"), str(folders.images))  # type: ignore[attr-defined]


def test_tests_are_looked_for_where_some_need_a_gpu() -> None:
    names = {Path(file).name for file in needing_cuda()}
    assert {"test_trainer.py", "test_train_runs.py", "test_streaming.py"} <= names
    assert "test_notebook.py" not in names


def test_the_results_are_no_more_files_than_a_host_gives_back(folders: Folders) -> None:
    printed = {part.log for part in parts_of(FULL, folders)}
    written = {Path(word).name for command in commands_of(FULL, folders) for word in command if "/out/" in word}
    assert len(printed | written | {"summary.md", "results.json"}) <= 8


def commands_of(scale: Scale, folders: Folders) -> list[Sequence[str]]:
    return [part.command(100) for part in parts_of(scale, folders)]
