import copy
import random

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from torch import nn

from plainres.networks.construction import construct
from plainres.networks.factory import Network, build_network
from plainres.probes.lesion import dropped, error, kendall_tau, measure, reordered, swappable, swapped
from plainres.probes.probe import Batch, blocks_of

ALL = ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1"]


def silenced(network: Network, name: str) -> Network:
    """A copy in which F(x) = 0 in this block, by its last batch norm."""
    network = copy.deepcopy(network)
    norm = network.get_submodule(f"{name}.bn2")
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.zeros_(norm.weight)
    nn.init.zeros_(norm.bias)
    return network


@pytest.mark.parametrize("network", ["residual"], indirect=True)
@pytest.mark.parametrize("name", ALL)
def test_a_residual_network_without_a_block_is_one_whose_block_adds_nothing(
    network: Network, batch: Batch, name: str
) -> None:
    with torch.no_grad():
        with dropped(network, [name]):
            lesioned = network(batch[0])
        assert torch.equal(lesioned, silenced(network, name)(batch[0]))
        assert not torch.equal(lesioned, network(batch[0]))
        without = silenced(network, name)
        with dropped(without, [name]):
            assert torch.equal(without(batch[0]), lesioned)


@pytest.mark.parametrize("name", ALL)
def test_a_pre_activation_block_is_dropped_with_its_projection_left(batch: Batch, name: str) -> None:
    torch.manual_seed(0)
    network = build_network("residual", 14, num_classes=4, in_channels=1, width=8, stem="small", block="pre").eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # away from what changes nothing
                nn.init.uniform_(module.weight, 0.5, 1.5)
        without = copy.deepcopy(network)
        nn.init.zeros_(without.get_submodule(f"{name}.conv2").weight)
        with dropped(network, [name]):
            assert torch.equal(network(batch[0]), without(batch[0]))


def test_a_dropped_block_with_crelus_hands_on_what_the_one_before_it_made(batch: Batch) -> None:
    settings = {"norm": "none", "activation": "crelu", "init": "dirac", "init_share": 0.0}
    network = build_network("plain", 14, num_classes=4, in_channels=1, width=8, stem="small", **settings)
    expected = network(batch[0])
    with torch.no_grad(), dropped(network, ALL):  # each is the identity, or adds channels of zeros
        assert torch.equal(network(batch[0]), expected)


@pytest.mark.parametrize("network", ["plain"], indirect=True)
def test_dropping_identity_blocks_of_a_plain_network_changes_nothing(network: Network, batch: Batch) -> None:
    deep = build_network("plain", 20, num_classes=4, in_channels=1, width=8, stem="small")
    construct(deep, network, batch[0])
    added = [name for name in blocks_of(deep) if name not in ALL]
    assert added == ["layer1.2", "layer2.2", "layer3.2"]
    with torch.no_grad():
        whole = deep(batch[0])
        with dropped(deep, added):
            assert torch.equal(deep(batch[0]), whole)
        with dropped(deep, ["layer1.0"]):
            assert not torch.equal(deep(batch[0]), whole)


def test_a_block_that_changes_the_shape_is_dropped_by_subsampling_and_zero_channels() -> None:
    # The network is built so that each stage is one block: without all three, the classifier sees the stem's channels.
    torch.manual_seed(0)
    network = build_network("plain", 8, num_classes=4, in_channels=1, width=8, stem="small").eval()
    x = torch.randn(3, 1, 9, 1)
    with torch.no_grad(), dropped(network, list(blocks_of(network))):
        stem = network.relu(network.bn1(network.conv1(x)))
        seen = torch.cat([stem[:, :, ::4, ::4].mean((2, 3)), torch.zeros(3, 24)], 1)
        torch.testing.assert_close(network(x), network.fc(seen))


def test_each_block_several_and_swaps_are_measured_with_both_kinds_of_statistics(
    network: Network, batch: Batch
) -> None:
    measured = measure(network, batch)
    # Blocks of one shape: layer1.0 and layer1.1, which can be swapped, layer2.1 and layer3.1, which can't.
    identity, changing = ["layer1.0", "layer1.1", "layer2.1", "layer3.1"], ["layer2.0", "layer3.0"]
    names = ["none", *ALL, "identity_1", "changing", "identity_2", "identity_4", "swapped_1"]
    assert list(measured) == [
        *(f"{kind}/{name}" for kind in ("lesion", "renormalised_lesion") for name in names),
        "kendall_tau/swapped_1",
    ]
    wrong = (network(batch[0]).argmax(1) != batch[1]).float().mean().item()
    assert measured["lesion/none"] == error(network, batch) == wrong
    for kind, of in (("identity_1", identity), ("changing", changing)):
        assert measured[f"lesion/{kind}"] == pytest.approx(np.mean([measured[f"lesion/{name}"] for name in of]))


def test_projections_everywhere_leave_no_block_whose_shortcut_is_the_identity(batch: Batch) -> None:
    network = build_network("residual", 14, num_classes=4, in_channels=1, width=8, stem="small", shortcut="C")
    measured = measure(network, batch)
    assert "lesion/identity_1" not in measured
    assert measured["lesion/changing"] == pytest.approx(np.mean([measured[f"lesion/{name}"] for name in ALL]))
    assert "lesion/swapped_1" in measured


def test_statistics_estimated_anew_undo_what_a_scale_has_done(network: Network, batch: Batch) -> None:
    # Batch norm divides by the deviation of what it gets: ten times the weights change nothing but its statistics.
    before = error(network, batch, anew=True)
    kept = error(network, batch)
    with torch.no_grad():
        network.layer2[0].conv1.weight *= 10  # type: ignore[operator, union-attr]
        network.layer1[1].conv2.weight *= 0.1  # type: ignore[operator, union-attr]
    assert error(network, batch, anew=True) == before
    assert error(network, batch) != kept


def test_blocks_that_change_places_are_those_of_a_network_with_their_weights_exchanged() -> None:
    torch.manual_seed(0)
    network = build_network("plain", 20, num_classes=10, in_channels=1, width=8, stem="small")
    images = torch.randn(64, 1, 8, 8)
    for _ in range(30):
        network.train()(images)
    labels = network.eval()(images).argmax(1)  # so that it makes no error
    assert swappable(network) == [
        ("layer1.0", "layer1.1"), ("layer1.0", "layer1.2"), ("layer1.1", "layer1.2"),
        ("layer2.1", "layer2.2"), ("layer3.1", "layer3.2"),
    ]  # fmt: skip
    exchanged = copy.deepcopy(network)
    for place, name in (("layer1.0", "layer1.2"), ("layer1.2", "layer1.1"), ("layer1.1", "layer1.0")):
        exchanged.get_submodule(place).load_state_dict(network.get_submodule(name).state_dict())
    with torch.no_grad():
        own = network(images)
        with swapped(network, [("layer1.0", "layer1.1"), ("layer1.1", "layer1.2")]):
            moved = network(images)
            assert error(network, (images, labels)) > 0
        assert torch.equal(moved, exchanged(images))
        assert torch.equal(network(images), own)


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_correlation_of_an_order_is_kendalls(seed: int) -> None:
    draws = random.Random(seed)
    names = [str(number) for number in range(7)]
    pairs = [(one, other) for one, other in (draws.sample(names, 2) for _ in range(seed))]
    order = reordered(names, pairs)
    assert sorted(order) == names
    assert kendall_tau(names, order) == pytest.approx(kendalltau(range(7), [int(name) for name in order]).statistic)
    assert (kendall_tau(names, order) == 1) == (order == names)
