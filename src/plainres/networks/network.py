"""Builds the whole network: stem, stages of blocks, pooling and classifier."""

from collections.abc import Iterator

from torch import Tensor, nn

from plainres.networks.activations import channels_after
from plainres.networks.blocks import BasicBlock, Block, Bottleneck, PreActivationBasicBlock, PreActivationBottleneck
from plainres.networks.fixup import (
    FixupBasicBlock,
    FixupBottleneck,
    FixupPreActivationBasicBlock,
    FixupPreActivationBottleneck,
)
from plainres.networks.layers import Layer, Layers, unchanged

STEM_CONVOLUTION = {"imagenet": (7, 2), "small": (3, 1)}  # kernel, stride

# Of two convolutions and of three, by the setting `block` and by whether Fixup's rules hold.
BLOCKS: dict[tuple[str, bool], tuple[type[Block], type[Block]]] = {
    ("post", False): (BasicBlock, Bottleneck),
    ("before", False): (BasicBlock, Bottleneck),
    ("pre", False): (PreActivationBasicBlock, PreActivationBottleneck),
    ("post", True): (FixupBasicBlock, FixupBottleneck),
    ("pre", True): (FixupPreActivationBasicBlock, FixupPreActivationBottleneck),
}


class Network(nn.Module):
    """Maps images (N, in_channels, H, W) to logits (N, num_classes): table 1 of He et al. 2015, or section 4.2.

    Each stage halves the size and doubles the channels of the one before. Every layer is used once in a forward pass,
    and none overwrites what it was given.
    """

    def __init__(self, layers: Layers, in_channels: int, num_classes: int) -> None:
        super().__init__()
        architecture = layers.architecture
        width = architecture.width
        self.conv1 = layers.convolution(in_channels, width, *STEM_CONVOLUTION[architecture.stem])
        self.bn1, self.bias1, self.relu = layers.norm(width), layers.bias(), layers.act()
        self.maxpool: Layer = nn.MaxPool2d(3, stride=2, padding=1) if architecture.stem == "imagenet" else unchanged
        kind = BLOCKS[architecture.block, architecture.fixup][architecture.bottleneck]
        first, second, third, *fourth = _stages(layers, kind)
        self.layer1 = first
        self.pool2, self.layer2 = layers.pool(), second
        self.pool3, self.layer3 = layers.pool(), third
        self.pool4: Layer = layers.pool() if fourth else unchanged
        self.layer4: Layer = fourth[0] if fourth else unchanged  # three-stage networks have none
        channels = width + sum(block.added_channels for _, block in self.blocks())
        pre = architecture.block == "pre"
        self.last_bn = layers.norm(channels) if pre else unchanged
        self.last_bias = layers.bias() if pre else unchanged
        self.last_relu: Layer = layers.act() if pre else unchanged
        self.avgpool, self.bias2 = nn.AdaptiveAvgPool2d(1), layers.bias()
        self.fc = nn.Linear(channels_after(architecture, channels), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bias1(self.bn1(self.conv1(x)))))
        x = self.layer2(self.pool2(self.layer1(x)))
        x = self.layer4(self.pool4(self.layer3(self.pool3(x))))
        x = self.last_relu(self.last_bias(self.last_bn(x)))  # of pre-activation, whose blocks end with none
        x = self.bias2(self.avgpool(x))
        out: Tensor = self.fc(x.flatten(1))
        return out

    def schedule_shortcuts(self, share: Tensor | float) -> None:
        """Multiply all shortcuts by a share from now on; a tensor may change its value while the network trains."""
        for _, block in self.blocks():
            block.share = share

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Yield each block with its name, first to last; `Block` says where its F(x) and its shortcut are."""
        for name, module in self.named_modules():
            if isinstance(module, Block):
                yield name, module


def _stages(layers: Layers, kind: type[Block]) -> Iterator[nn.Sequential]:
    strides = layers.architecture.downsampling == "stride"
    channels = layers.architecture.width
    for stage, count in enumerate(layers.architecture.blocks):
        width = layers.architecture.width * 2**stage
        blocks = nn.Sequential()
        for position in range(count):
            stride = 2 if strides and stage > 0 and position == 0 else 1
            block = kind(layers, channels, width, stride, first=stage == position == 0)
            blocks.append(block)
            channels += block.added_channels
        yield blocks
