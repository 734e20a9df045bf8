"""The whole network: stem, stages of blocks, pooling and classifier."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from torch import nn

from plainres.networks.blocks import BasicBlock, Block, Bottleneck
from plainres.networks.layers import Layers


class Network(nn.Sequential):
    """From images (N, in_channels, H, W) to logits (N, num_classes), through its children one after the other.

    Each stage halves the size and doubles the channels of the one before. Every layer is used once in a forward pass,
    and none overwrites what it was given.
    """

    def __init__(self, layers: Layers, in_channels: int, num_classes: int) -> None:
        super().__init__()
        architecture = layers.architecture
        width = architecture.width
        if architecture.stem == "imagenet":
            self.conv1 = layers.convolution(in_channels, width, 7, 2)
        else:
            self.conv1 = layers.convolution(in_channels, width, 3)
        self.bn1 = layers.norm(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if architecture.stem == "imagenet" else nn.Identity()
        block = Bottleneck if architecture.bottleneck else BasicBlock
        channels = width
        for stage, count in enumerate(architecture.blocks):
            blocks = nn.Sequential()
            for position in range(count):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(block(layers, channels, width * 2**stage, stride))
                channels = width * 2**stage * block.expansion
            self.add_module(f"layer{stage + 1}", blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)

    def __getitem__(self, index: int | slice) -> Any:
        layers = list(self.named_children())[index]
        return nn.Sequential(OrderedDict(layers)) if isinstance(layers, list) else layers[1]

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Each block with its name, first to last; `Block` says where its F(x) and its shortcut are."""
        for name, module in self.named_modules():
            if isinstance(module, Block):
                yield name, module
