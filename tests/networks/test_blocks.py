import pytest
import torch
from torch import nn

from plainres.networks.architecture import resolve_architecture
from plainres.networks.blocks import BasicBlock, Block, Bottleneck
from plainres.networks.layers import Layers


def block_of(kind: type[Block], variant: str, in_channels: int, stride: int, **options: str) -> Block:
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
