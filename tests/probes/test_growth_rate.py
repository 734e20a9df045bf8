import math

import pytest
import torch
from torch import nn

from plainres.errors import BadInput
from plainres.networks.factory import Network
from plainres.probes import gradients
from plainres.probes.growth_rate import MEAN_FIELD, growth_rate, mean_field, measure


def test_a_wide_plain_network_grows_as_mean_field_theory_says() -> None:
    # Yang et al. 2019: the square of the norm by pi / (pi - 1), which is about 1.467, with each layer.
    assert pytest.approx(1.467, abs=1e-3) == MEAN_FIELD**2
    torch.manual_seed(0)
    layers = [
        layer for _ in range(12) for layer in (nn.Conv2d(256, 256, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU())
    ]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10))
    batch = torch.randn(512, 256, 1, 1), torch.randint(10, (512,))
    assert measure(network, batch)["growth_rate/gradient_norm"] == pytest.approx(MEAN_FIELD, rel=0.02)


@pytest.mark.parametrize("leak", [0.3, 0.7])
def test_the_slope_of_a_leaky_relu_is_a_dial_of_growth(leak: float) -> None:
    # The same theory: q the mean square after the activation of a normal x, less the square of its mean.
    q = (1 + leak**2) / 2
    expected = math.sqrt(q / (q - (1 - leak) ** 2 / (2 * math.pi)))
    assert mean_field(leak) == pytest.approx(expected)
    torch.manual_seed(0)
    layers = [
        layer
        for _ in range(12)
        for layer in (nn.Conv2d(256, 256, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(leak))
    ]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10))
    batch = torch.randn(512, 256, 1, 1), torch.randint(10, (512,))
    assert measure(network, batch)["growth_rate/gradient_norm"] == pytest.approx(expected, rel=0.03)


def test_norms_that_grow_by_a_factor_have_it_whatever_the_shapes(network: Network) -> None:
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    names = [name for name in names if "downsample" not in name]
    scale = {"1": 1.0, "2": 50.0, "3": 0.01}  # of each stage's shape
    # Layers of a shape that comes once, as the first of a stage, have a height of their own, and so no say.
    norms = {
        name: 1.25**-position * (scale[name[5]] if name.startswith("layer") else 7.0)
        for position, name in enumerate(names)
    }
    assert growth_rate(network, norms) == pytest.approx(1.25)
    assert math.isnan(growth_rate(network, dict.fromkeys(names, 0.0)))


def test_a_network_whose_shapes_all_differ_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(3, 2))
    batch = torch.randn(4, 1, 1, 1), torch.tensor([0, 1, 0, 1])
    assert "grad_norm/1" in gradients.measure(network, batch)
    with pytest.raises(BadInput, match="no two convolutions"):
        measure(network, batch)
