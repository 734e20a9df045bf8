"""Which source code a run was trained by."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """The commit checked out, and what was changed since; both empty outside a git checkout."""

    commit: str
    diff: str


def current_source() -> Source:
    """The state of the checkout that this code is run from."""
    return Source(_git("rev-parse", "HEAD").strip(), _git("diff", "HEAD"))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True, errors="replace"
        )
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""
