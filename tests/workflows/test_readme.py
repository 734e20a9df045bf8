"""The README's lines from Python run, with small networks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Page
from tests.environment import ROOT, environment

(LINES,) = Page(ROOT / "README.md").python
SMALL = "depths=[8, 14], width=8, train_images=600, test_images=100, jobs=1"


def test_they_are_six() -> None:
    assert len([line for line in LINES.splitlines() if line]) == 6


@pytest.mark.slow
def test_they_run(tmp_path: Path) -> None:
    code = LINES.replace("depths=[18, 34]", SMALL).replace("seeds=6, epochs=12", "seeds=2, epochs=1")
    assert SMALL in code
    script = tmp_path / "script.py"  # without a guard: no worker runs it anew
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "[8/8] " in done.stderr  # without a terminal a line for each run that ends, and nothing among what's printed
    assert done.stdout.startswith("Undertrained: with 8 layers")
    assert re.search(r"^arm +depth +failed .* with depth$", done.stdout, re.MULTILINE)  # no column is left out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "mlflow.db", "mlruns", "script.py"]
