"""What commands say of bad input."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.environment import environment

ONE_BY_ONE = """
import contextlib, importlib, io, json, sys
from plainres.cli.command_line import run_command
module = importlib.import_module(sys.argv[1])
answers = []
for arguments in json.loads(sys.argv[2]):
    sys.argv[1:] = arguments.split()
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        code = run_command(module.Flags, module.main, module.PROGRAM)
    answers.append((code, errors.getvalue()))
heavy = sorted({"torch", "mlflow", "pandas", "scipy", "seaborn", "sklearn"} & set(sys.modules))
print(json.dumps([answers, heavy]))
"""


def check_bad_input(module: str, bad_input: Mapping[str, str], folder: Path) -> None:
    """Each command line gets one line with its words and exit code 2, before anything heavy is imported or written."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, module, json.dumps(list(bad_input))],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers, heavy = json.loads(done.stdout)
    for (arguments, words), (code, errors) in zip(bad_input.items(), answers, strict=True):
        assert code == 2, arguments
        assert words in errors, arguments
        assert errors.startswith("error: "), arguments
        assert errors.count("\n") == 1, arguments
        assert "secret" not in errors
    assert heavy == []
    assert not list(folder.iterdir())
