"""Activations, their gains, and TAT's slope against the authors' package."""

import math

import pytest
import torch
from torch import Tensor, nn

from plainres.networks.activations import TailoredReLU, activation, cosine_after, gain_of, tailored_slope
from plainres.networks.architecture import resolve_architecture
from plainres.networks.factory import build_network

# Of google-deepmind/dks 0.1.2, activation_transform._compute_negative_slope_param(max_c0, 0.9), where max_c0 is its
# _leaky_relu_cmap applied so many times, from 0 on.
SLOPES_OF_DKS = {17: 0.12624338, 19: 0.16444278, 33: 0.32842922, 55: 0.45185599, 109: 0.58555269}


@pytest.mark.parametrize(("activations", "slope"), SLOPES_OF_DKS.items())
def test_the_tailored_slope_is_that_of_the_authors_package(activations: int, slope: float) -> None:
    assert tailored_slope(activations) == pytest.approx(slope, abs=1e-6)
    assert cosine_after(activations, tailored_slope(activations)) == pytest.approx(0.9, abs=1e-9)


def test_the_cosine_after_one_activation_is_that_of_normal_signals() -> None:
    assert cosine_after(1, 0.3, 0.5) == pytest.approx(0.5489990024877727, abs=1e-12)  # _leaky_relu_cmap of dks
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 4_000_000, generator=generator, dtype=torch.float64)
    near = 0.5 * one + math.sqrt(0.75) * other
    layer = TailoredReLU(0.3)
    assert float((layer(one) * layer(near)).mean()) == pytest.approx(0.549, abs=3e-3)
    assert float((layer(one) ** 2).mean()) == pytest.approx(1, abs=3e-3)


def test_where_depth_makes_no_chain_nonlinear_enough_it_is_a_relu() -> None:
    assert tailored_slope(5) == 0.0


@pytest.mark.parametrize(
    ("options", "kind", "gain"),
    [
        ({}, nn.ReLU, math.sqrt(2)),
        ({"activation": "leaky", "leak": 0.3}, nn.LeakyReLU, nn.init.calculate_gain("leaky_relu", 0.3)),
        ({"activation": "tanh"}, nn.Tanh, 1.0),
        ({"activation": "tat"}, TailoredReLU, 1.0),
    ],
)
def test_each_activation_has_the_gain_that_keeps_a_signals_size(
    options: dict[str, object], kind: type[nn.Module], gain: float
) -> None:
    architecture = resolve_architecture("plain", 20, **options)
    assert isinstance(activation(architecture), kind)
    assert gain_of(architecture) == pytest.approx(gain)
    usual, own = drawn(), drawn(**options)
    torch.testing.assert_close(own, gain / math.sqrt(2) * usual)


def drawn(**options: object) -> Tensor:
    """A convolution's weights, drawn after one seed."""
    torch.manual_seed(0)
    network = build_network("plain", 20, num_classes=10, width=8, stem="small", **options)
    return network.state_dict()["layer2.1.conv1.weight"]


def test_a_plain_network_has_the_slope_of_its_own_depth() -> None:
    network = build_network("plain", 56, num_classes=10, width=8, stem="small", norm="none", activation="tat")
    slopes = [module.slope for module in network.modules() if isinstance(module, TailoredReLU)]
    assert slopes == pytest.approx([SLOPES_OF_DKS[55]] * 55, abs=1e-6)
