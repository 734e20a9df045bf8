"""Finds out which source code a run is trained by, and who started it."""

import getpass
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import SourceType
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE, MLFLOW_USER

from plainres.names import CODE_TAG, COMMIT_TAG

ROOT = Path(__file__).resolve().parents[3]  # of the project, where this is its source folder


def _digest(package: Path) -> str:
    """Stand for the content of a package's source files, by twelve hex digits."""
    files = [(str(path.relative_to(package)).encode(), path.read_bytes()) for path in sorted(package.rglob("*.py"))]
    return hashlib.sha256(b"".join(b"%s %s " % file for file in files)).hexdigest()[:12]


CODE = _digest(Path(__file__).resolve().parents[1])
"""Stands for plainres' own code as this process has it, since it's computed while that is imported."""

# Personal settings that change what `git diff` prints.
PLAIN_SETTINGS = (
    "core.quotePath=false", "core.fsmonitor=false", "diff.suppressBlankEmpty=false", "diff.context=3",
    "diff.interHunkContext=0", "diff.renames=true", "diff.algorithm=default",
)  # fmt: skip
PLAIN_DIFF = (
    "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--submodule=short", "-O/dev/null",
    "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Holds the commit checked out, and what was changed since; both empty where the code has no checkout of its own.

    Attributes:
        commit: its hash.
        diff: the changes of files that git knows, then the names of those that it doesn't.
        name: the program that was started.
        user: who started it.
        code: a digest of plainres' own.
    """

    commit: str
    diff: str
    name: str = ""
    user: str = ""
    code: str = CODE

    @property
    def tags(self) -> dict[str, str]:
        """Give it as tags of a run, by which MLflow's UI fills its columns."""
        tags = {
            COMMIT_TAG: self.commit,
            CODE_TAG: self.code,
            MLFLOW_GIT_COMMIT: self.commit,
            MLFLOW_SOURCE_NAME: self.name,
            MLFLOW_SOURCE_TYPE: SourceType.to_string(SourceType.LOCAL) if self.name else "",
            MLFLOW_USER: self.user,
        }
        return {tag: text for tag, text in tags.items() if text}


def current_source(root: Path = ROOT) -> Source:
    """Read the state of the checkout whose top level is this project's root; a repository around it doesn't count."""
    commit = diff = ""
    is_project = (root / "pyproject.toml").exists() and (root / "src" / "plainres").exists()
    top = _git(root, "rev-parse", "--show-toplevel").removesuffix("\n") if is_project else ""
    if top and Path(top).resolve() == root.resolve():
        commit = _git(root, "rev-parse", "HEAD").strip()
        untracked = _git(root, "ls-files", "--others", "--exclude-standard").splitlines()
        diff = _git(root, *PLAIN_DIFF, "HEAD") + "".join(f"# untracked: {name}\n" for name in untracked)
    return Source(commit, diff, _program(root), _user())


def _git(root: Path, *arguments: str) -> str:
    plain = [word for setting in (*PLAIN_SETTINGS, f"safe.directory={root}") for word in ("-c", setting)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *plain, "-C", str(root), *arguments],
            capture_output=True, encoding="utf-8", errors="replace", env=environment,
        )  # fmt: skip
    except OSError:  # no git
        return ""
    return done.stdout if done.returncode == 0 else ""


def _program(root: Path) -> str:
    program = Path(sys.argv[0]).resolve()
    return str(program.relative_to(root) if program.is_relative_to(root) else program.name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # none that the system knows
        return ""
