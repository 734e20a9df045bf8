import pytest
import torch
from torch import nn

from plainres.networks.architecture import resolve_architecture
from plainres.networks.blocks import BasicBlock, Block, Bottleneck, PreActivationBasicBlock, PreActivationBottleneck
from plainres.networks.factory import build_network
from plainres.networks.fixup import FixupBasicBlock
from plainres.networks.layers import DiracConv2d, Layers


def block_of(kind: type[Block], variant: str, in_channels: int, stride: int, **options: object) -> Block:
    """A block of width 8 in evaluation mode, with statistics and scales of batch norm that show."""
    torch.manual_seed(0)
    block = kind(Layers(resolve_architecture(variant, 20, **options)), in_channels, 8, stride).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.bias.data, module.running_mean):
                values.normal_()
    return block


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
def test_a_block_adds_its_input_and_a_plain_block_does_not(kind: type[Block]) -> None:
    channels = 8 * kind.expansion
    residual, plain = (block_of(kind, variant, channels, 1) for variant in ("residual", "plain"))
    plain.load_state_dict(residual.state_dict())
    images = torch.randn(2, channels, 5, 5)
    assert torch.equal(residual(images), torch.relu(residual.body(images) + images))
    assert torch.equal(plain(images), torch.relu(residual.body(images)))


def test_a_basic_block_is_the_left_one_of_figure_5() -> None:
    block, x = block_of(BasicBlock, "plain", 4, 2), torch.randn(2, 4, 5, 5)
    out = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    assert torch.equal(block(x), torch.relu(out))
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))


def test_a_bottleneck_is_the_right_one_of_figure_5() -> None:
    block, x = block_of(Bottleneck, "plain", 4, 2), torch.randn(2, 4, 5, 5)
    out = torch.relu(block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x))))))
    assert torch.equal(block(x), torch.relu(block.bn3(block.conv3(out))))
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_shortcut_a_subsamples_and_appends_zero_channels() -> None:
    images = torch.arange(5 * 5 * 4.0).view(1, 5, 5, 4)
    out = block_of(BasicBlock, "residual", 5, 2, shortcut="A").shortcut(images)
    assert out.shape == (1, 8, 3, 2)
    assert out[0, 1].tolist() == [[20.0, 22.0], [28.0, 30.0], [36.0, 38.0]]
    assert out[0, 5:].count_nonzero() == 0


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
def test_shortcuts_of_scale_1_and_0_are_a_residual_and_a_plain_block(kind: type[Block]) -> None:
    for in_channels, stride, shortcut in ((8 * kind.expansion, 1, "A"), (4, 2, "A"), (4, 2, "B")):
        one, zero, half, residual = (
            block_of(kind, "residual", in_channels, stride, shortcut=shortcut, shortcut_scale=scale)
            for scale in (1.0, 0.0, 0.5, 1.0)
        )
        plain = block_of(kind, "plain", in_channels, stride)
        plain.load_state_dict(residual.state_dict(), strict=False)
        x = torch.randn(2, in_channels, 5, 5)
        for block in (zero, half):
            block.load_state_dict(residual.state_dict())
        assert torch.equal(one(x), residual(x))
        assert torch.equal(zero(x), plain(x))
        assert torch.equal(half(x), torch.relu(half.body(x) + 0.5 * residual.shortcut(x)))


@pytest.mark.parametrize(("power", "factor"), [(1.0, 0.5 / 9), (0.5, 0.5 / 3)])
def test_a_branch_is_multiplied_by_a_number_and_a_power_of_the_number_of_blocks(power: float, factor: float) -> None:
    # Of a network of 20 layers, which has nine.
    block = block_of(BasicBlock, "residual", 8, 1, branch_scale=0.5, branch_power=power)
    bare = block_of(BasicBlock, "residual", 8, 1)
    bare.load_state_dict(block.state_dict())  # it has no parameter of its own
    x, seen = torch.randn(2, 8, 5, 5), []
    block.residual.register_forward_hook(lambda _, __, output: seen.append(output))
    torch.testing.assert_close(block(x), torch.relu(x + factor * bare.body(x)))
    torch.testing.assert_close(seen[0], factor * bare.body(x))


@pytest.mark.parametrize(("norm", "groups"), [("group", 4), ("layer", 1)])
def test_group_norm_has_32_groups_of_two_channels_at_least(norm: str, groups: int) -> None:
    block = block_of(BasicBlock, "residual", 8, 1, norm=norm)
    assert (block.bn1.num_groups, block.bn1.num_channels) == (groups, 8)
    assert build_network("residual", 18, num_classes=2, norm="group").layer4[0].bn1.num_groups == 32


def test_a_gate_multiplies_the_residual_function() -> None:
    block = block_of(BasicBlock, "residual", 8, 1, residual_gate=True)
    bare = block_of(BasicBlock, "residual", 8, 1)
    bare.load_state_dict(block.state_dict(), strict=False)
    x = torch.randn(2, 8, 5, 5)
    assert block.state_dict()["gate.factor"].tolist() == [0.0]
    assert torch.equal(block(x), torch.relu(x))
    block.gate.factor.data.fill_(0.25)
    torch.testing.assert_close(block(x), torch.relu(x + 0.25 * bare.body(x)))


def test_pre_activation_is_figure_4e() -> None:
    # He et al. 2016: norm and ReLU before each convolution, nothing after the addition.
    block = block_of(PreActivationBasicBlock, "residual", 8, 1, block="pre")
    assert [name for name, _ in block.named_children()] == ["bn1", "relu1", "conv1", "bn2", "relu2", "conv2"]
    x = torch.randn(2, 8, 5, 5)
    body = block.conv2(torch.relu(block.bn2(block.conv1(torch.relu(block.bn1(x))))))
    assert torch.equal(block(x), x + body)
    assert torch.equal(block.body(x), body)
    assert block.residual is block.conv2


def test_skipinit_is_pre_activation_with_a_scalar_for_norm() -> None:
    # De & Smith 2020: no norm, at the end of each residual branch a scalar that starts at zero.
    block = block_of(PreActivationBasicBlock, "residual", 8, 1, block="pre", norm="none", residual_gate=True)
    assert [name for name, _ in block.named_children()] == ["relu1", "conv1", "relu2", "conv2", "gate"]
    assert [name for name, _ in block.named_parameters()] == ["conv1.weight", "conv2.weight", "gate.factor"]
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x)
    block.gate.factor.data.fill_(0.25)
    branch = block.conv2(torch.relu(block.conv1(torch.relu(x))))
    torch.testing.assert_close(block(x), x + 0.25 * branch)


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
def test_rezero_scales_what_has_passed_the_last_relu_and_rectifies_no_sum(kind: type[Block]) -> None:
    # Bachlechner et al. 2020, and the block of tbachlechner/ReZero-examples' ResNet, where norm stays; without a gate
    # it is figure 4(c) of He et al. 2016.
    channels = 8 * kind.expansion
    block = block_of(kind, "residual", channels, 1, block="before", residual_gate=True)
    last = block.bn3 if kind is Bottleneck else block.bn2
    x, seen = torch.randn(2, channels, 5, 5), []
    last.register_forward_hook(lambda _, __, output: seen.append(output))
    assert torch.equal(block(x), x)
    block.gate.factor.data.fill_(0.25)
    torch.testing.assert_close(block(x), x + 0.25 * torch.relu(seen[0]))
    bare = block_of(kind, "residual", channels, 1, block="before")
    bare.load_state_dict(block.state_dict(), strict=False)
    torch.testing.assert_close(bare(x), x + torch.relu(seen[0]))


def test_a_projection_shares_the_pre_activation() -> None:
    block = block_of(PreActivationBottleneck, "residual", 16, 2, block="pre", shortcut="B")
    assert [name for name, _ in block.downsample.named_children()] == ["0"]
    assert block.bn1.num_features == 16
    x = torch.randn(2, 16, 5, 5)
    active = torch.relu(block.bn1(x))
    body = torch.relu(block.bn3(block.conv2(torch.relu(block.bn2(block.conv1(active))))))
    assert torch.equal(block(x), block.conv3(body) + block.downsample(active))


def test_a_fixup_block_is_the_authors() -> None:
    # Zhang et al. 2019, figure 1 and the authors' fixup_resnet_cifar.py.
    block = block_of(FixupBasicBlock, "residual", 8, 1, norm="none")
    for parameter in block.parameters():
        parameter.data.normal_()
    values = block.state_dict()
    bias1a, bias1b, bias2a, bias2b = (values[f"bias{name}.bias"] for name in ("1a", "1b", "2a", "2b"))
    x = torch.randn(2, 8, 5, 5)
    out = torch.relu(block.conv1(x + bias1a) + bias1b)
    out = block.conv2(out + bias2a) * values["scale.factor"] + bias2b
    torch.testing.assert_close(block(x), torch.relu(out + x))
    assert torch.equal(block.residual(x), x + bias2b)


def test_a_block_without_norm_is_convolutions_and_relus() -> None:
    block = block_of(BasicBlock, "residual", 8, 1, norm="none", residual_gate=True)
    assert [name for name, _ in block.named_children()] == ["conv1", "relu1", "conv2", "gate", "relu"]
    plain = block_of(BasicBlock, "plain", 8, 1, norm="none")
    assert [name for name, _ in plain.named_children()] == ["conv1", "relu1", "conv2", "relu"]


@pytest.mark.parametrize(("side", "stride", "out_channels"), [(3, 1, 6), (3, 2, 8), (1, 1, 4)])
def test_dirac_weights_are_the_identity_and_a_direction(side: int, stride: int, out_channels: int) -> None:
    # Zagoruyko & Komodakis 2017, equations 2 and 3.
    torch.manual_seed(0)
    layer = DiracConv2d(6, out_channels, side, stride, padding=side // 2, bias=False)
    layer.a.data.normal_()
    layer.b.data.normal_()
    x = torch.randn(2, 6, 5, 5)
    direction = layer.weight / layer.weight.flatten(1).norm(dim=1)[:, None, None, None]
    identity = nn.functional.conv2d(x, nn.init.dirac_(torch.empty_like(layer.weight)), None, stride, side // 2)
    expected = layer.a[:, None, None] * identity
    expected = expected + layer.b[:, None, None] * nn.functional.conv2d(x, direction, None, stride, side // 2)
    torch.testing.assert_close(layer(x), expected)
