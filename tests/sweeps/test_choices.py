import pytest

from plainres.errors import BadInput
from plainres.sweeps.choices import BASE, choices, chosen
from plainres.sweeps.configure import configure
from plainres.sweeps.plan import plan_sweep

DIGITS = configure("residual", 20)


def test_each_choice_changes_the_recipe_and_can_be_trained() -> None:
    hashes = set()
    for choice in choices(DIGITS):
        sweep = plan_sweep(["plain", "residual"], choice.depths or [20, 56], [0], **choice.settings)
        hashes |= {config.config_hash for config in sweep.configs if config.variant == "residual"}
    assert len(hashes) == 2 * len(choices(DIGITS))
    assert len(choices(DIGITS)) == 17


def test_what_the_recipe_has_is_no_choice() -> None:
    names = [choice.name for choice in choices(DIGITS)]
    assert {"warmup-2", "steps", "shortcut-B", "four-stage", "double-pixels"} < set(names)
    assert not {"no-warmup", "cosine", "shortcut-A", "three-stage"} & set(names)
    other = [choice.name for choice in choices(configure("residual", 18, warmup_epochs=2, schedule="step"))]
    assert {"no-warmup", "cosine", "shortcut-A", "three-stage"} < set(other)
    assert not {"warmup-2", "steps", "shortcut-B", "four-stage"} & set(other)


def test_a_setting_that_an_arm_has_of_its_own_is_no_choice() -> None:
    names = {choice.name for choice in choices(DIGITS, {"lr", "shortcut"})}
    assert not names & {"lr-third", "lr-triple", "shortcut-B", "shortcut-C"}
    assert "steps" in names


def test_values_are_those_of_the_recipe_changed() -> None:
    of = {choice.name: choice.settings for choice in choices(DIGITS)}
    assert of["lr-third"] == {"lr": 0.0067}
    assert of["lr-triple"] == {"lr": 0.06}
    assert of["double-pixels"] == {"image_size": 16}
    assert of["double-width"] == {"width": 32}
    assert of["double-epochs"] == {"epochs": 24}
    assert of["half-batch"] == {"batch_size": 32}


def test_choices_are_picked_by_name_after_the_recipe_itself() -> None:
    assert [choice.name for choice in chosen(DIGITS, ["steps", "lr-third"])] == [BASE, "steps", "lr-third"]
    with pytest.raises(BadInput, match="no choice is called 'cosine', or it changes nothing; choose from lr-third"):
        chosen(DIGITS, ["cosine"])
