"""Against the closed forms of random chains (Balduzzi et al. 2017, theorems 1 and 2)."""

import pytest
import torch
from torch import Tensor, nn

from plainres.networks.factory import Network
from plainres.probes import gradient_coherence
from plainres.probes.gradient_coherence import coherence
from plainres.probes.probe import Batch

WIDTH, DEPTH = 600, 4


class Layer(nn.Module):
    """A random linear layer of half of its inputs, chosen anew for each image, as rectifiers of unrelated images do."""

    def __init__(self, gated: bool, shortcut: bool) -> None:
        super().__init__()
        self.gated, self.shortcut = gated, shortcut
        self.weight = torch.randn(WIDTH, WIDTH) * (2 / WIDTH) ** 0.5  # He initialisation

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.randint(2, x.shape) if self.gated else torch.ones_like(x)
        out = (gate * x) @ self.weight
        return x + out if self.shortcut else out


def cosines(gated: bool, shortcut: bool) -> list[float]:
    torch.manual_seed(0)
    layers = [Layer(gated, shortcut) for _ in range(DEPTH)]
    images = torch.randn(16, WIDTH, requires_grad=True)
    network = nn.Sequential(*layers)
    named = {str(index): layer for index, layer in enumerate(layers)}
    return list(coherence(network, (images, torch.zeros(16, dtype=torch.long)), named).values())


def test_gradients_of_a_linear_chain_are_the_same_everywhere() -> None:
    assert cosines(gated=False, shortcut=False) == pytest.approx([1.0] * DEPTH, abs=1e-5)


def test_gates_halve_the_cosine_with_each_layer() -> None:
    assert cosines(gated=True, shortcut=False) == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2], abs=0.015)


def test_with_shortcuts_three_quarters_are_left() -> None:
    expected = [0.75**layers for layers in (4, 3, 2, 1)]
    assert cosines(gated=True, shortcut=True) == pytest.approx(expected, abs=0.02)


def test_the_first_block_has_the_least_coherent_gradients(network: Network, batch: Batch) -> None:
    values = list(gradient_coherence.measure(network, batch).values())
    assert len(values) == 6
    assert values == sorted(values)
    assert 0 < values[0] < values[-1] < 1
