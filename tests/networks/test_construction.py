import copy
import math
from typing import Any

import pytest
import torch

from plainres.errors import BadInput
from plainres.networks.construction import construct
from plainres.networks.factory import Network, build_network


def trained(variant: str, depth: int, **settings: Any) -> Network:
    """A net with running statistics and scales of its own, as after a training."""
    torch.manual_seed(depth)
    network = build_network(variant, depth, num_classes=10, in_channels=1, stem="small", **{"width": 8, **settings})
    for _ in range(10):
        network.train()(3 * torch.randn(64, 1, 8, 8))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval()


@pytest.mark.parametrize(("variant", "shortcut"), [("plain", None), ("residual", "A"), ("residual", "B")])
def test_a_constructed_network_gives_the_shallow_ones_logits_to_the_bit(variant: str, shortcut: str | None) -> None:
    shallow, deep = (trained(variant, depth, shortcut=shortcut) for depth in (8, 26))
    images, others = 3 * torch.randn(128, 1, 8, 8), 3 * torch.randn(128, 1, 8, 8)
    assert not torch.equal(deep(others), shallow(others))
    construct(deep, shallow, images)
    assert not deep.training
    assert torch.equal(deep(others), shallow(others))


@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_a_network_that_has_diverged_is_refused(variant: str) -> None:
    shallow, deep = trained(variant, 8), trained(variant, 14)
    torch.nn.init.constant_(shallow.conv1.weight, math.nan)
    with pytest.raises(BadInput, match="diverged"):
        construct(deep, shallow, torch.randn(4, 1, 8, 8))


def test_in_training_mode_too_a_plain_one_starts_close_to_the_shallow_one() -> None:
    shallow, deep = trained("plain", 8), trained("plain", 26)
    images = 3 * torch.randn(256, 1, 8, 8)
    for _ in range(60):  # until its running statistics are those of the images
        shallow.train()(images)
    construct(deep, shallow.eval(), images)
    logits = copy.deepcopy(shallow).train()(images)
    difference = deep.train()(images) - logits
    assert difference.norm() < 0.3 * (logits - logits.mean(0)).norm()
    assert all(parameter.requires_grad for parameter in deep.parameters())


@pytest.mark.parametrize(
    ("shallow", "deep", "reason"),
    [
        (("plain", 8), ("plain", 14, {"width": 16}), "same variant, width and blocks"),
        (("plain", 14), ("plain", 8), "same variant, width and blocks"),
        (("plain", 8), ("residual", 14, {"shortcut": "A"}), "same variant, width and blocks"),
        (
            ("residual", 8, {"shortcut": "C"}),
            ("residual", 14, {"shortcut": "C"}),
            "layer1.1 can't be made the identity",
        ),
        (("plain", 50), ("plain", 101), "layer3.6 can't be made the identity"),
        *(
            ((variant, 8, own), (variant, 14, own), "layer1.1 can't be made the identity")
            for variant, own in [
                ("residual", {"shortcut_scale": 0.5}),
                ("plain", {"weights": "dirac"}),
                ("plain", {"activation": "crelu"}),
            ]
        ),
    ],
)
def test_what_cannot_be_constructed_is_refused(shallow: tuple[Any, ...], deep: tuple[Any, ...], reason: str) -> None:
    networks = [
        build_network(variant, depth, num_classes=10, in_channels=1, stem="small", **{"width": 8, **(rest or [{}])[0]})
        for variant, depth, *rest in (shallow, deep)
    ]
    with pytest.raises(BadInput, match=reason):
        construct(networks[1], networks[0], torch.randn(4, 1, 8, 8))
