import pytest

from plainres.errors import BadInput
from plainres.sweeps.arms import dose_arms, dose_of


def test_an_arm_gets_each_dose_beside_its_own_settings() -> None:
    assert dose_arms("residual", "shortcut-scale", ("0", ".5")) == (
        "residual:shortcut_scale=0.0",
        "residual:shortcut_scale=0.5",
    )
    assert dose_arms("plain:init=dirac", "init_share", ("0.1", "1")) == (
        "plain:init=dirac,init_share=0.1",
        "plain:init=dirac,init_share=1.0",
    )


def test_the_dose_of_an_arm_is_read_back() -> None:
    assert [dose_of(arm, "epochs") for arm in dose_arms("plain:lr=0.1", "epochs", ("3", "12"))] == [3, 12]


@pytest.mark.parametrize(
    ("arm", "setting", "doses", "words"),
    [
        ("residual", "block", ("post", "pre"), "'block' is no numeric setting of an arm; choose from width"),
        ("residual", "zero_gamma", ("0", "1"), "'zero_gamma' is no numeric setting"),
        ("residual", "train_images", ("100", "200"), "'train_images' is no numeric setting"),
        ("residual", "shortcut_scale", ("1",), "at least two values of shortcut_scale are needed"),
        ("residual", "shortcut_scale", ("0", "much"), "shortcut scale 'much' is no number"),
        ("residual", "shortcut_scale", ("0", "-1"), "shortcut scale -1.0 is not a finite number of at least 0"),
        ("plain:lr=0.1", "lr", ("0.1", "1"), "lr is given twice"),
    ],
)
def test_what_has_no_dose_is_refused(arm: str, setting: str, doses: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        dose_arms(arm, setting, doses)
