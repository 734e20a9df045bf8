import pytest
import torch
from torch import Tensor, nn

from plainres.networks.factory import build_network
from plainres.networks.initialisation import started
from plainres.networks.network import Network

INITS = ("he", "dirac", "orthogonal", "delta-orthogonal")


def small(variant: str, depth: int = 20, **options: object) -> Network:
    torch.manual_seed(3)
    return build_network(variant, depth, **{"num_classes": 10, "width": 8, "stem": "small", **options})


@pytest.mark.parametrize("init", INITS)
def test_convolutions_start_the_same_with_and_without_shortcuts(init: str) -> None:
    plain, residual = small("plain", init=init).state_dict(), small("residual", init=init, shortcut="C").state_dict()
    assert all(torch.equal(value, residual[name]) for name, value in plain.items())


@pytest.mark.parametrize(
    "options",
    [
        *({"init": init} for init in INITS),
        {"weights": "dirac"},
        {"shortcut_scale": 0.5},
        {"block": "pre"},
        {"zero_gamma": True},
        {"residual_gate": True},
        {"residual_gate": True, "norm": "none"},
        {"block": "before"},
        {"downsampling": "pool"},
    ],
)
@pytest.mark.parametrize("depth", [8, 50])
def test_every_arm_takes_the_same_random_numbers(depth: int, options: dict[str, object]) -> None:
    usual, arm = (small("residual", depth, shortcut="B", **settings).state_dict() for settings in ({}, options))
    names = ["fc.weight", "fc.bias", *(name for name in usual if name.endswith("downsample.0.weight"))]
    if "init" not in options:
        names += [name for name in usual if "conv" in name]
    assert all(torch.equal(usual[name], arm[name]) for name in names)


def test_dirac_is_the_identity_and_a_share_of_he() -> None:
    usual, dirac, none = (
        small("plain", **kind) for kind in ({}, {"init": "dirac"}, {"init": "dirac", "init_share": 0.0})
    )
    name = "layer2.1.conv2.weight"
    weights = [network.state_dict()[name] for network in (usual, dirac, none)]
    torch.testing.assert_close(weights[1], weights[2] + 0.1 * weights[0])
    assert weights[2].sum() == 16
    assert torch.equal(weights[2][:, :, 1, 1], torch.eye(16))


@pytest.mark.parametrize("depth", [20, 50])
def test_dirac_without_a_share_passes_on_what_is_not_negative(depth: int) -> None:
    network = small("plain", depth, init="dirac", init_share=0.0, norm="none")
    channels = 8 if depth == 20 else 32
    x = torch.randn(2, channels, 6, 6).relu()
    # A bottleneck has a quarter of the channels inside: those pass.
    passed = network.layer1[1](x)
    assert torch.equal(passed[:, :8], x[:, :8])
    assert depth == 50 or torch.equal(network.layer1(x), x)


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize(("out_channels", "in_channels"), [(16, 8), (8, 8)])
def test_delta_orthogonal_preserves_norms_through_a_linear_chain(
    side: int, out_channels: int, in_channels: int
) -> None:
    # Xiao et al. 2018, section 2.3; the gain of He, the root of two, goes with the ReLUs that a linear chain lacks.
    torch.manual_seed(0)
    x = torch.randn(2, in_channels, 7, 7)
    norms = x.norm(dim=1)
    for _ in range(20):
        weight = started(torch.randn(out_channels, x.shape[1], side, side), "delta-orthogonal", 0.1)
        x = nn.functional.conv2d(x, weight / 2**0.5, padding=side // 2)
    torch.testing.assert_close(x.norm(dim=1), norms, rtol=1e-4, atol=1e-5)


def test_delta_orthogonal_plain_networks_with_tanh_keep_small_signals_until_a_stride() -> None:
    # Xiao et al. 2018: near zero tanh is linear, and with gain 1 and no biases each layer is an isometry.
    network = small("plain", init="delta-orthogonal", activation="tanh", norm="none")
    assert {name.rpartition(".")[2] for name, _ in network.named_parameters() if "conv" in name} == {"weight"}
    images = 1e-4 * torch.randn(2, 3, 6, 6)
    first = network.layer1(network.relu(network.conv1(images)))
    torch.testing.assert_close(first.norm(dim=1), images.norm(dim=1), rtol=1e-4, atol=0)
    x = torch.zeros(1, 8, 4, 4)
    jacobian = torch.autograd.functional.jacobian(network.layer1, x).view(128, 128)
    torch.testing.assert_close(torch.linalg.svdvals(jacobian), torch.ones(128))
    # A stride hands on one pixel of four, so 32 of 128 directions, and loses the others.
    values = torch.linalg.svdvals(torch.autograd.functional.jacobian(network.layer2, x).view(64, 128))
    torch.testing.assert_close(values, (torch.arange(64) < 32).float(), rtol=0, atol=1e-5)
    second = network.layer2(first).norm(dim=1)
    torch.testing.assert_close(second, images[:, :, ::2, ::2].norm(dim=1), rtol=1e-4, atol=0)


@pytest.mark.parametrize("pooled", [False, True])
def test_the_identity_start_of_dirac_hands_on_pixels_at_strides_and_maxima_at_pools(pooled: bool) -> None:
    network = small("plain", init="dirac", init_share=0.0, norm="none", downsampling="pool" if pooled else "stride")
    x = torch.randn(2, 8, 6, 6).relu()
    expected = nn.functional.max_pool2d(x, 2) if pooled else x[:, :, ::2, ::2]
    out = network.layer2(network.pool2(network.layer1(x)))
    assert torch.equal(out[:, :8], expected)
    assert not out[:, 8:].any()


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 4, 1, 1)])
def test_orthogonal_rows_or_columns_are_orthonormal_but_for_the_gain(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrix = started(torch.randn(shape), "orthogonal", 0.1).flatten(1) / 2**0.5
    product = matrix @ matrix.T if shape[0] < 9 * shape[1] and shape[2] == 3 else matrix.T @ matrix
    torch.testing.assert_close(product, torch.eye(len(product)), rtol=0, atol=1e-5)


def test_orthogonal_is_torchs_from_the_same_draw() -> None:
    torch.manual_seed(0)
    expected = nn.init.orthogonal_(torch.empty(16, 4, 3, 3), gain=2**0.5)
    torch.manual_seed(0)
    torch.testing.assert_close(started(torch.randn(16, 36).view(16, 4, 3, 3), "orthogonal", 0.1), expected)


@pytest.mark.parametrize(("depth", "blocks", "power"), [(20, 9, -1 / 2), (50, 16, -1 / 4)])
def test_fixup_scales_he_by_the_number_of_blocks(depth: int, blocks: int, power: float) -> None:
    # Zhang et al. 2019, section 3: L to the power of -1 / (2m - 2), for m = 2 and 3 convolutions in a block.
    usual = small("residual", depth, shortcut="B").state_dict()
    network = small("residual", depth, shortcut="B", norm="none")
    assert len(list(network.blocks())) == blocks
    last = "conv2" if depth == 20 else "conv3"
    for name, value in network.state_dict().items():
        match name.split("."):
            case [*_, convolution, "weight"] if convolution == last:
                assert not value.any()
            case [_, _, _, "weight"]:
                torch.testing.assert_close(value, usual[name] * blocks**power)
            case ["conv1", _] | [_, _, "downsample", "0", _]:
                assert torch.equal(value, usual[name])
            case [*_, "factor"]:
                assert value.tolist() == [1.0]
            case _:  # biases and the classifier
                assert not value.any()


def test_zero_gamma_starts_the_last_batch_norm_of_each_block_at_zero() -> None:
    for depth, last in ((20, "bn2"), (50, "bn3")):
        network = small("residual", depth, zero_gamma=True)
        zero = [name for name, value in network.named_parameters() if name.endswith("weight") and not value.any()]
        assert zero == [f"{name}.{last}.weight" for name, _ in network.blocks()]


@pytest.mark.parametrize("start", [{"zero_gamma": True}, {"residual_gate": True}, {"norm": "none"}])
@pytest.mark.parametrize("depth", [20, 50])
def test_blocks_that_start_at_zero_are_the_identity_and_learn(depth: int, start: dict[str, object]) -> None:
    network = small("residual", depth, **start)
    block = network.layer1[1]
    x: Tensor = torch.randn(2, 8 if depth == 20 else 32, 6, 6).relu()
    assert torch.equal(block(x), x)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    for _ in range(3):
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    assert not torch.equal(block(x), x)
    assert all(parameter.grad.any() for name, parameter in network.named_parameters() if "conv" in name)
