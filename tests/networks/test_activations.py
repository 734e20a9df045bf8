"""Activations, their gains, and TAT's slope against the authors' package."""

import math

import pytest
import torch
from torch import Tensor, nn

from plainres.networks.activations import CReLU, TailoredReLU, activation, cosine_after, gain_of, tailored_slope
from plainres.networks.architecture import resolve_architecture
from plainres.networks.factory import build_network
from plainres.networks.network import Network
from plainres.networks.summary import summarize

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
        ({"activation": "tat", "norm": "none"}, TailoredReLU, 1.0),
        ({"activation": "crelu"}, CReLU, 1.0),
    ],
)
def test_each_activation_has_the_gain_that_keeps_a_signals_size(
    options: dict[str, object], kind: type[nn.Module], gain: float
) -> None:
    architecture = resolve_architecture("plain", 20, stem="small", **options)
    assert isinstance(activation(architecture), kind)
    assert gain_of(architecture) == pytest.approx(gain)
    usual, own = drawn(), drawn(**options)
    torch.testing.assert_close(own[:, : usual.shape[1]], gain / math.sqrt(2) * usual)


def drawn(**options: object) -> Tensor:
    """A convolution's weights, drawn after one seed."""
    torch.manual_seed(0)
    network = build_network("plain", 20, num_classes=10, width=8, stem="small", **options)
    return network.state_dict()["layer2.1.conv1.weight"]


def test_a_plain_network_has_the_slope_of_its_own_depth() -> None:
    network = build_network("plain", 56, num_classes=10, width=8, stem="small", norm="none", activation="tat")
    slopes = [module.slope for module in network.modules() if isinstance(module, TailoredReLU)]
    assert slopes == pytest.approx([SLOPES_OF_DKS[55]] * 55, abs=1e-6)


def test_crelu_is_torchs_relu_of_x_and_of_minus_x() -> None:
    x = torch.randn(2, 3, 4, 4)
    out = CReLU()(x)
    assert torch.equal(out, torch.cat([torch.relu(x), torch.relu(-x)], dim=1))
    assert torch.equal(CReLU().undone(out), x)


def crelu(depth: int = 20, **options: object) -> Network:
    """A plain network with CReLUs and without norm, its only bias at zero."""
    torch.manual_seed(0)
    network = build_network(
        "plain", depth, num_classes=5, width=8, stem="small", norm="none", activation="crelu", **options
    )
    nn.init.zeros_(network.fc.bias)
    return network


@torch.no_grad()
def bend(network: Network) -> float:
    """How far a network is from linear on random images, as a share of what it gives."""
    x, y = torch.randn(2, 4, 3, 8, 8)
    linear = 0.7 * network(x) - 1.3 * network(y)
    return float((network(0.7 * x - 1.3 * y) - linear).norm() / linear.norm())


@pytest.mark.parametrize("init", ["he", "dirac", "orthogonal", "delta-orthogonal"])
@pytest.mark.parametrize("depth", [20, 50])
def test_a_network_with_crelus_starts_linear(depth: int, init: str) -> None:
    # Balduzzi et al. 2017, section 4.
    assert bend(crelu(depth, init=init)) < 1e-4


def test_a_network_with_crelus_is_not_linear_when_it_has_learnt() -> None:
    network = crelu(init="delta-orthogonal")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(torch.randn(4, 3, 8, 8)), torch.arange(4)).backward()
        optimizer.step()
    nn.init.zeros_(network.fc.bias)
    assert bend(network) > 1e-2


def test_delta_orthogonal_crelus_keep_the_size_of_every_pixel() -> None:
    network = crelu(init="delta-orthogonal")
    images = torch.randn(2, 3, 6, 6)
    out = network.layer1(network.relu(network.conv1(images)))
    torch.testing.assert_close(out.norm(dim=1), images.norm(dim=1))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torch_traces_scripts_and_exports_crelus() -> None:
    network, images = crelu(8).eval(), torch.randn(2, 3, 8, 8)
    copies = [
        torch.fx.symbolic_trace(network),
        torch.jit.script(network),
        torch.export.export(network, (images,)).module(),
    ]
    assert all(torch.equal(copied(images), network(images)) for copied in copies)


def test_width_counts_the_channels_before_a_crelu() -> None:
    # Plain 20: three stages of six 3x3 convolutions; each but the stem's, and the classifier, sees twice the channels.
    widths = [8] * 6 + [16] * 6 + [32] * 6
    inputs = [8, *widths[:-1]]
    weights = 9 * 3 * 8 + sum(9 * 2 * seen * made for seen, made in zip(inputs, widths, strict=True)) + 2 * 32 * 5
    network = crelu()
    assert sum(each.numel() for each in network.parameters()) == weights + 5
    summary = summarize(network, (3, 8, 8))
    assert summary.total.trainable == weights + 5
    assert {row.name: row.output_shape for row in summary.stages}["layer3"] == (64, 2, 2)


def test_crelus_start_from_the_numbers_that_relus_start_from() -> None:
    torch.manual_seed(0)
    usual = build_network("plain", 20, num_classes=5, width=8, stem="small", norm="none").state_dict()
    for name, value in crelu().state_dict().items():
        if name == "conv1.weight":
            torch.testing.assert_close(value, usual[name] / math.sqrt(2))
        elif name != "fc.bias":
            half = usual[name] if name == "fc.weight" else usual[name] / math.sqrt(2)
            torch.testing.assert_close(value, torch.cat([half, -half], dim=1))
