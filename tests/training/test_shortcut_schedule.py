"""Shortcuts that go or come while a network trains."""

import pytest
import torch

from plainres.errors import BadInput
from plainres.networks.factory import network_for, shortcut_share
from plainres.settings import RunConfig
from plainres.sweeps.configure import changed, configure
from plainres.training import Trainer

TINY = {"width": 8, "train_images": 200, "test_images": 100, "batch_size": 32, "device": "cpu"}


def config_of(**settings: object) -> RunConfig:
    return configure("residual", 8, **{**TINY, "epochs": 4, **settings})


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"shortcut_until": 1.0}, [1.0, 0.75, 0.5, 0.25, 0.0]),
        ({"shortcut_until": 0.5}, [1.0, 0.5, 0.0, 0.0, 0.0]),
        ({"shortcut_from": 0.5}, [0.0, 0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_share_goes_or_comes_with_the_training(settings: dict[str, float], shares: list[float]) -> None:
    config = config_of(**settings)
    assert [shortcut_share(config, epoch / 4) for epoch in range(5)] == pytest.approx(shares)
    trainer = Trainer(config)
    seen = [float(trainer.shortcut_share)]
    seen += [float(trainer.shortcut_share) for record in trainer if record.epoch]
    assert seen == pytest.approx(shares)


@pytest.mark.parametrize("settings", [{}, {"shortcut": "B"}, {"block": "pre"}], ids=str)
def test_without_its_shortcut_it_ends_as_the_plain_network_of_the_same_weights_to_the_bit(
    settings: dict[str, str],
) -> None:
    config = config_of(shortcut_until=1.0, epochs=1, **settings)
    trainer = Trainer(config)
    list(trainer)
    weights, images = trainer.network.state_dict(), torch.randn(16, 1, 8, 8)
    loaded = network_for(config, in_channels=1, num_classes=10, progress=1.0)
    loaded.load_state_dict(weights)
    networks = [trainer.network, loaded]
    if "block" not in settings:  # a plain block has no other order of layers
        networks.append(network_for(changed(config, variant="plain", shortcut="none", shortcut_until=0.0),
                                    in_channels=1, num_classes=10))  # fmt: skip
        networks[-1].load_state_dict(weights, strict=False)
    logits = [network.eval()(images.to(memory_format=torch.channels_last)) for network in networks]
    assert all(torch.equal(logits[0], each) for each in logits[1:])


@pytest.mark.parametrize("settings", [{"shortcut_until": 0.6}, {"shortcut_from": 0.4}], ids=str)
def test_a_run_goes_on_in_the_middle_of_the_schedule_to_the_bit(settings: dict[str, float]) -> None:
    config = config_of(**settings)
    whole, first, second = Trainer(config), Trainer(config), Trainer(config)
    *_, last = whole
    records = iter(first)
    for _ in range(3):  # epochs 0, 1 and 2
        next(records)
    second.load_state_dict(first.state_dict())
    assert second.shortcut_share == first.shortcut_share
    *_, again = second
    for name in ("final/train_loss", "final/test_loss", "loss/train"):
        assert again.metrics[name] == last.metrics[name]


def test_until_a_shortcut_comes_the_network_is_the_plain_one() -> None:
    late = Trainer(config_of(shortcut_from=0.5))
    plain = Trainer(configure("plain", 8, epochs=4, **TINY))
    for ours, theirs in zip(late, plain, strict=True):
        if ours.epoch in (1, 2):
            assert (ours.metrics["loss/train"] == theirs.metrics["loss/train"]) == (ours.epoch <= 2)
    assert ours.metrics["loss/train"] != theirs.metrics["loss/train"]


@pytest.mark.parametrize(
    ("variant", "settings", "words"),
    [
        ("plain", {"shortcut_until": 0.5}, "shortcut_until: a plain network has no shortcut"),
        ("residual", {"shortcut_until": 0.5, "shortcut_from": 0.5}, "a shortcut either goes or comes"),
        ("residual", {"shortcut_until": 0.5, "shortcut_scale": 0}, "with shortcut_scale 0 there is no shortcut"),
        ("residual", {"shortcut_from": 0.5, "zero_gamma": True}, "nothing passes a block"),
        ("residual", {"shortcut_from": 0.5, "norm": "none"}, "nothing passes a block"),
        ("residual", {"shortcut_until": 1.5}, "shortcut until 1.5 is outside 0 to 1"),
    ],
)
def test_a_schedule_without_meaning_is_refused(variant: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        configure(variant, 8, **settings)
