"""Makes blocks without norm, after Zhang et al. 2019, "Fixup Initialization", figure 1 and section 3, rule 3.

A learnt scalar is added before each convolution (`bias1a`) and each ReLU (`bias1b`), and `scale` multiplies F(x).
"""

from torch import Tensor

from plainres.networks.blocks import Block, PreActivationBlock
from plainres.networks.layers import Layer, Layers, unchanged


class FixupBasicBlock(Block):
    """Has two 3x3 convolutions."""

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.bias1a, self.conv1 = layers.bias(), layers.conv(in_channels, width, 3, stride)
        self.bias1b, self.relu1 = layers.bias(), layers.act()
        self.bias2a, self.conv2 = layers.bias(), layers.conv(width, width, 3)
        self.scale, self.bias2b = layers.factor(), layers.bias()

    def body(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bias1b(self.conv1(self.bias1a(x))))
        return self.bias2b(self.scale(self.conv2(self.bias2a(out))))


class FixupBottleneck(Block):
    """Has 1x1, 3x3 and 1x1 convolutions, the last with four times the channels."""

    expansion = 4

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.bias1a, self.conv1 = layers.bias(), layers.conv(in_channels, width, 1)
        self.bias1b, self.relu1 = layers.bias(), layers.act()
        self.bias2a, self.conv2 = layers.bias(), layers.conv(width, width, 3, stride)
        self.bias2b, self.relu2 = layers.bias(), layers.act()
        self.bias3a, self.conv3 = layers.bias(), layers.conv(width, 4 * width, 1)
        self.scale, self.bias3b = layers.factor(), layers.bias()

    def body(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bias1b(self.conv1(self.bias1a(x))))
        out = self.relu2(self.bias2b(self.conv2(self.bias2a(out))))
        return self.bias3b(self.scale(self.conv3(self.bias3a(out))))


class FixupPreActivationBlock(PreActivationBlock):
    """Computes what `PreActivationBlock` does, a bias in place of the first norm."""

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.bias1b: Layer = unchanged if self.first else layers.bias()
        self.relu1: Layer = unchanged if self.first else layers.act()

    def activated(self, x: Tensor) -> Tensor:
        return self.relu1(self.bias1b(x))


class FixupPreActivationBasicBlock(FixupPreActivationBlock):
    """Has two 3x3 convolutions."""

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().add_body(layers, in_channels, width, stride)
        self.bias1a, self.conv1 = layers.bias(), layers.conv(in_channels, width, 3, stride)
        self.bias2b, self.relu2 = layers.bias(), layers.act()
        self.bias2a, self.conv2, self.scale = layers.bias(), layers.conv(width, width, 3), layers.factor()

    def convolved(self, active: Tensor) -> Tensor:
        out = self.relu2(self.bias2b(self.conv1(self.bias1a(active))))
        return self.scale(self.conv2(self.bias2a(out)))


class FixupPreActivationBottleneck(FixupPreActivationBlock):
    """Has 1x1, 3x3 and 1x1 convolutions, the last with four times the channels."""

    expansion = 4

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().add_body(layers, in_channels, width, stride)
        self.bias1a, self.conv1 = layers.bias(), layers.conv(in_channels, width, 1)
        self.bias2b, self.relu2 = layers.bias(), layers.act()
        self.bias2a, self.conv2 = layers.bias(), layers.conv(width, width, 3, stride)
        self.bias3b, self.relu3 = layers.bias(), layers.act()
        self.bias3a, self.conv3, self.scale = layers.bias(), layers.conv(width, 4 * width, 1), layers.factor()

    def convolved(self, active: Tensor) -> Tensor:
        out = self.relu2(self.bias2b(self.conv1(self.bias1a(active))))
        out = self.relu3(self.bias3b(self.conv2(self.bias2a(out))))
        return self.scale(self.conv3(self.bias3a(out)))
