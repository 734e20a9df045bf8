"""Against the closed forms of random chains (Balduzzi et al. 2017, theorems 1 and 2)."""

import math

import pytest
import torch
from torch import Tensor, nn

from plainres.networks.factory import Network
from plainres.probes import gradient_coherence
from plainres.probes.gradient_coherence import coherence, neighbours
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
    return list(coherence(network, (images, torch.zeros(16, dtype=torch.long)), neighbours(images), named).values())


def test_gradients_of_a_linear_chain_are_the_same_everywhere() -> None:
    assert cosines(gated=False, shortcut=False) == pytest.approx([1.0] * DEPTH, abs=1e-5)


def test_gates_halve_the_cosine_with_each_layer() -> None:
    assert cosines(gated=True, shortcut=False) == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2], abs=0.015)


def test_with_shortcuts_three_quarters_are_left() -> None:
    expected = [0.75**layers for layers in (4, 3, 2, 1)]
    assert cosines(gated=True, shortcut=True) == pytest.approx(expected, abs=0.02)


def rectifiers(norm: bool) -> list[float]:
    """Cosines of unrelated inputs' gradients by rectifiers above, in a fully connected network of width 200."""
    torch.manual_seed(0)
    layers = [
        nn.Sequential(nn.Linear(200, 200, bias=False), nn.BatchNorm1d(200) if norm else nn.Identity(), nn.ReLU())
        for _ in range(5)
    ]
    for layer in layers:
        nn.init.kaiming_normal_(layer[0].weight)  # type: ignore[arg-type]
    network = nn.Sequential(*layers, nn.Linear(200, 50))
    named = {str(5 - index): layer for index, layer in enumerate(layers)}
    images = torch.randn(256, 200, requires_grad=True)
    return list(coherence(network, (images, torch.randint(50, (256,))), images.roll(1, 0), named).values())[::-1]


def test_gradients_of_unrelated_inputs_of_rectifiers_fall_by_half_with_each_layer() -> None:
    # Theorem 1: 1/2^L, if one pair in four lets both of two inputs pass. Batch norm's zero mean sees to that.
    assert rectifiers(norm=True) == pytest.approx([2.0**-above for above in range(1, 6)], abs=0.02)


def test_without_batch_norm_inputs_come_closer_and_their_gradients_too() -> None:
    # Cho and Saul 2009: of two inputs with cosine c both pass with chance (1 - acos(c) / pi) / 2, and their images have
    # the cosine (sqrt(1 - c^2) + (pi - acos c) c) / pi, which isn't 0: the theorem's premise fails from layer 2 on.
    cosine, shares = 0.0, []
    for _ in range(5):
        shares.append(1 - math.acos(cosine) / math.pi)
        cosine = (math.sqrt(1 - cosine**2) + (math.pi - math.acos(cosine)) * cosine) / math.pi
    expected = [math.prod(shares[5 - above :]) for above in range(1, 6)]
    assert rectifiers(norm=False) == pytest.approx(expected, abs=0.03)
    assert expected[-1] > 3 * 2.0**-5


def test_the_first_block_has_the_least_coherent_gradients(network: Network, batch: Batch) -> None:
    measured = gradient_coherence.measure(network, batch)
    values = [value for name, value in measured.items() if name.startswith("gradient_coherence/")]
    assert len(values) == 6
    assert values == sorted(values)
    assert 0 < values[0] < values[-1] < 1
