import subprocess
import sys

import pytest

from plainres.data import load_dataset
from plainres.data.catalogue import CATALOGUE, facts_of, loader_of
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
        "import plainres.data.folder_files, plainres.data.split_sizes; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
