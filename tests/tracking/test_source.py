import shutil
import subprocess
from pathlib import Path

import pytest

from plainres.tracking.source import current_source

CODE = "0\n1\n2\n3\ndepth = 18\n4\n5\n6\n7\n"


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(["git", "-C", folder, *named, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of a project of this one's shape, with one commit and one change since."""
    if shutil.which("git") is None:
        pytest.skip("no git is installed")
    root = tmp_path / "checkout"
    (root / "src" / "plainres").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "src" / "plainres" / "code.py").write_text(CODE)
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    (root / "src" / "plainres" / "code.py").write_text(CODE.replace("18", "34"))
    return root


CHANGE = """\
diff --git a/src/plainres/code.py b/src/plainres/code.py
--- a/src/plainres/code.py
+++ b/src/plainres/code.py
@@ -2,7 +2,7 @@
 1
 2
 3
-depth = 18
+depth = 34
 4
 5
 6
"""


def without_index(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if not line.startswith("index ")]


def test_the_source_is_the_checkouts_commit_and_changes(checkout: Path) -> None:
    source = current_source(checkout)
    assert source.commit == git(checkout, "rev-parse", "HEAD").strip()
    assert without_index(source.diff) == CHANGE.splitlines()


def test_files_that_git_does_not_know_are_named_and_not_shown(checkout: Path) -> None:
    (checkout / "new ü.py").write_text("a secret")
    (checkout / ".gitignore").write_text("ignored\n")
    (checkout / "ignored").write_text("")
    assert without_index(current_source(checkout).diff)[-2:] == ["# untracked: .gitignore", "# untracked: new ü.py"]
    assert "secret" not in current_source(checkout).diff


def test_a_repository_around_an_unpacked_copy_is_not_its_source(checkout: Path) -> None:
    unpacked = checkout / "vendor" / "plainres-main"
    (unpacked / "src" / "plainres").mkdir(parents=True)
    (unpacked / "pyproject.toml").write_text("")
    source = current_source(unpacked)
    assert (source.commit, source.diff) == ("", "")


def test_a_package_installed_into_a_foreign_checkout_has_no_source(checkout: Path) -> None:
    (checkout / "pyproject.toml").unlink()
    assert current_source(checkout).commit == ""


def test_personal_settings_of_git_do_not_change_what_is_recorded(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = current_source(checkout)
    (checkout / ".git" / "info" / "attributes").write_text("*.py diff=loud\n")
    for name, value in {
        "color.ui": "always", "diff.external": "echo external", "diff.noprefix": "true", "diff.mnemonicPrefix": "true",
        "diff.loud.textconv": "echo converted", "diff.context": "9", "diff.relative": "true",
    }.items():  # fmt: skip
        git(checkout, "config", name, value)
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "echo external")
    assert current_source(checkout) == plain


def test_a_machine_without_git_gives_no_source(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert current_source(checkout).commit == ""
