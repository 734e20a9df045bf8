import os
import tempfile
from pathlib import Path

import pytest

from plainres.data.places import resolved_data_dir
from plainres.errors import BadInput


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without HOME and without an entry in the password file; the folder of temporary files."""

    def unknown(_: object) -> object:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_default_is_below_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert resolved_data_dir(None) == "/home/ada/.cache/plainres"
    assert resolved_data_dir("~/pictures") == "/home/ada/pictures"


def test_a_relative_folder_is_below_the_working_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved_data_dir("pictures") == str(tmp_path / "pictures")


def test_without_a_home_the_default_is_below_that_of_temporary_files(nobody: Path) -> None:
    assert resolved_data_dir(None) == str(nobody / f"plainres-{os.getuid()}" / "cache")


@pytest.mark.usefixtures("nobody")
def test_a_home_that_nobody_knows_is_no_folder_called_tilde() -> None:
    with pytest.raises(BadInput, match=r"the home folder in ~/pictures isn't known"):
        resolved_data_dir("~/pictures")
