import subprocess
import sys
from itertools import count
from pathlib import Path

from plainres.system.processes import repeated
from tests.environment import environment
from tests.faults.waiting import eventually

PROGRAM = """
from plainres.system.processes import without_main, worker_context
with without_main():
    worker = worker_context().Process(target=print, args=("a worker was here",))
    worker.start()
worker.join()
"""


def test_a_module_of_the_working_folder_is_not_taken_for_pythons_own(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('not the one of Python')\n")
    program = tmp_path / "programs" / "program.py"  # not in the working folder, as an installed command
    program.parent.mkdir()
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "a worker was here\n", "")


def test_what_is_repeated_outlasts_any_exception_of_it() -> None:
    calls = count()

    def odd() -> None:
        raise [KeyError("no such key"), AttributeError, OSError][next(calls) % 3]

    with repeated(odd, 0.001):
        eventually(lambda: next(calls) > 20)
