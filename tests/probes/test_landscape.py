import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from plainres.networks.factory import Network
from plainres.probes.landscape import losses_along, losses_over, measure, random_direction
from plainres.probes.probe import Batch


def test_each_filter_of_a_direction_has_the_norm_of_the_networks_own(network: Network) -> None:
    direction = random_direction(network, 0)
    weights = dict(network.named_parameters())
    assert set(direction) == {name for name, weight in weights.items() if weight.dim() > 1}
    for name, step in direction.items():
        for drawn, own in zip(step, weights[name], strict=True):  # a filter, or a row of the classifier
            assert drawn.norm().item() == pytest.approx(own.norm().item(), rel=1e-5)
    assert not torch.equal(direction["conv1.weight"], random_direction(network, 1)["conv1.weight"])


def moved(network: Network, batch: Batch, steps: list[tuple[float, int]]) -> float:
    """The loss of a copy whose weights were moved, with the running statistics that it has."""
    other = copy.deepcopy(network).eval()
    weights = dict(other.named_parameters())
    with torch.no_grad():
        for distance, seed in steps:
            for name, step in random_direction(network, seed).items():
                weights[name] += distance * step
        return cross_entropy(other(batch[0]), batch[1]).item()


def test_losses_are_those_of_networks_moved_along_it(network: Network, batch: Batch) -> None:
    line = losses_along(network, batch, random_direction(network, 3), [-0.5, 0.0, 0.25])
    assert line == pytest.approx([moved(network, batch, [(distance, 3)]) for distance in (-0.5, 0.0, 0.25)], rel=1e-5)
    assert len(set(line)) == 3


def test_rows_of_a_plane_go_along_the_first_direction(network: Network, batch: Batch) -> None:
    directions = random_direction(network, 3), random_direction(network, 4)
    plane = losses_over(network, batch, directions, [-0.5, 0.25])
    assert plane.shape == (2, 2)
    assert plane[0, 1] == pytest.approx(moved(network, batch, [(-0.5, 3), (0.25, 4)]), rel=1e-5)


def test_the_probe_is_the_mean_rise_over_three_directions(network: Network, batch: Batch) -> None:
    rises = [moved(network, batch, [(0.5, seed)]) - moved(network, batch, []) for seed in range(3)]
    measured = measure(network, batch)
    assert measured["landscape/0.5"] == pytest.approx(np.mean(rises), rel=1e-3, abs=1e-5)
    assert list(measured) == [f"landscape/{name}" for name in ("-1", "-0.5", "-0.25", "0.25", "0.5", "1")]
