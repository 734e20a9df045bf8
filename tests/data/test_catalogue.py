import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from plainres.data import load_dataset
from plainres.data.catalogue import CATALOGUE, facts_of, loader_of, resolved_data_dir
from plainres.errors import BadInput
from plainres.settings.recipes import RECIPES


def test_what_the_catalogue_says_of_digits_is_so() -> None:
    digits, facts = load_dataset("digits"), facts_of("digits")
    assert digits.sizes == {
        "train": facts.training_images,
        "validation": facts.validation_images,
        "test": facts.test_images,
    }
    assert (digits.train.image_shape, digits.num_classes) == (facts.image_shape, facts.num_classes)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_data_set_has_a_loader_and_a_recipe(name: str) -> None:
    assert callable(loader_of(name))
    assert name in RECIPES


def test_an_unknown_data_set_is_refused_with_the_choices() -> None:
    with pytest.raises(BadInput, match=r"unknown data set 'svhn'; choose from digits, mnist, .*, imagefolder$"):
        facts_of("svhn")


def test_the_facts_need_no_torch() -> None:
    code = (
        "import sys; from plainres.data.catalogue import content_of; content_of('mnist', '/nowhere')\n"
        "import plainres.data.folder_files, plainres.data.shares; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
