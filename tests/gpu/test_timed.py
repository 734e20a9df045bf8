import os
import time
from pathlib import Path

from tests.gpu.timed import Ended, carry_out


def carried_out(script: str, folder: Path, seconds: float = 20) -> Ended:
    """What becomes of a script of the shell, which starts in a moment on a busy machine too."""
    return carry_out(["sh", "-c", script], folder / "log.txt", seconds, folder=folder, environment=dict(os.environ))


def test_what_it_prints_comes_after_what_is_in_the_log_and_its_exit_code_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("before\n")
    ended = carried_out("pwd; exit 3", tmp_path)
    assert (ended.code, ended.timed_out, ended.words) == (3, False, "failed with exit code 3")
    before, command, limit, printed, after, _ = (tmp_path / "log.txt").read_text().split("\n", 5)
    assert (before, limit, printed) == ("before", "(at most 20 s)", str(tmp_path))
    assert command == "$ sh -c 'pwd; exit 3'"
    assert after.startswith("(failed with exit code 3 after")


def test_a_program_may_end_in_order_before_its_limit(tmp_path: Path) -> None:
    ended = carried_out("trap 'echo saved; exit 0' INT; sleep 30 & wait", tmp_path, 1.0)
    assert (ended.code, ended.words) == (0, "stopped by its limit")
    assert ended.seconds >= 0.8
    assert "saved" in (tmp_path / "log.txt").read_text()


def test_one_that_takes_no_interrupt_is_killed_at_its_limit_with_all_that_it_started(tmp_path: Path) -> None:
    ended = carried_out("trap '' INT; sleep 30 & echo $! > child; wait", tmp_path, 0.8)
    assert (ended.code, ended.words) == (-9, "stopped by its limit")
    assert 0.8 <= ended.seconds < 5
    assert is_gone(int((tmp_path / "child").read_text()))


def is_gone(pid: int) -> bool:
    """Whether a process ends within a moment; one whose parent hasn't asked for its end counts as ended."""
    for _ in range(50):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
