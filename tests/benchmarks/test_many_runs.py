"""The store of very many runs, with few: it is one that the commands read as any other."""

import subprocess
import sys
from pathlib import Path

import pytest

from plainres.analysis import read_sweep
from tests.environment import environment


@pytest.mark.slow
def test_the_copies_of_trained_runs_are_a_sweep(tmp_path: Path) -> None:
    words = ["-m", "tests.benchmarks.many_runs", str(tmp_path / "many"), "--runs", "40"]
    done = subprocess.run([sys.executable, *words], env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[1:]] == ["report", "second call", "first page"]
    uri = f"sqlite:///{tmp_path / 'many' / 'mlflow.db'}"
    sweep = read_sweep((tmp_path / "many" / "parent").read_text(), uri)
    assert (len(sweep.runs), sweep.missing) == (40, ())
    assert set(sweep.runs["seed"]) == set(range(10))
