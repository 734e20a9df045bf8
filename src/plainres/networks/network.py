"""The whole network: stem, stages of blocks, pooling and classifier."""

from collections.abc import Iterator

from torch import Tensor, nn

from plainres.networks.blocks import BasicBlock, Block, Bottleneck
from plainres.networks.layers import Layers, add_layers

STEM_CONVOLUTION = {"imagenet": (7, 2), "small": (3, 1)}  # kernel, stride


class Network(nn.Module):
    """Images (N, in_channels, H, W) to logits (N, num_classes), through the children in their order.

    Each stage halves the size and doubles the channels of the one before. Every layer is used once in a forward pass,
    and none overwrites what it was given.
    """

    def __init__(self, layers: Layers, in_channels: int, num_classes: int) -> None:
        super().__init__()
        architecture = layers.architecture
        width = architecture.width
        kernel, stride = STEM_CONVOLUTION[architecture.stem]
        self.conv1 = layers.convolution(in_channels, width, kernel, stride)
        add_layers(self, layers.norm("bn1", width) | layers.bias("bias1"))
        self.relu = nn.ReLU()
        if architecture.stem == "imagenet":
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        block = Bottleneck if architecture.bottleneck else BasicBlock
        channels = width
        for stage, count in enumerate(architecture.blocks):
            blocks = nn.Sequential()
            for position in range(count):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(block(layers, channels, width * 2**stage, stride, first=stage == position == 0))
                channels = width * 2**stage * block.expansion
            self.add_module(f"layer{stage + 1}", blocks)
        if architecture.block == "pre":
            add_layers(self, layers.norm("last_bn", channels) | layers.bias("last_bias"))
            self.last_relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        add_layers(self, layers.bias("bias2"))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            x = layer(x.flatten(1) if name == "fc" else x)
        return x

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Each block with its name, first to last; `Block` says where its F(x) and its shortcut are."""
        for name, module in self.named_modules():
            if isinstance(module, Block):
                yield name, module
