import subprocess
import sys
from pathlib import Path

from tests.environment import environment

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
