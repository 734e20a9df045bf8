"""Makes blocks with norm or a gate: plain and residual ones, which differ in the shortcut alone, and pre-activation.

He et al. 2015, "Deep Residual Learning for Image Recognition"; where torchvision has the layer, its parameters have
torchvision's names. Strides of bottleneck blocks stand on the 3x3 convolution, as there.
"""

from torch import Tensor, nn
from torch.nn.functional import pad

from plainres.networks.activations import CReLU
from plainres.networks.layers import Layer, Layers, unchanged


class Block(nn.Module):
    """Computes relu(F(x) + shortcut(x)), or relu(F(x)) in a plain network (figure 2).

    In blocks of the kind `before` the last ReLU is F's own, and none follows the addition (He et al. 2016, "Identity
    Mappings in Deep Residual Networks", figure 4c).

    Shapes: (N, in_channels, H, W) to (N, width * expansion, H / stride, W / stride).

    Args:
        first: whether it is the first block of its network, which pre-activation treats otherwise.
    """

    expansion = 1
    __jit_unused_properties__ = ("residual",)

    def __init__(self, layers: Layers, in_channels: int, width: int, stride: int, *, first: bool = False) -> None:
        super().__init__()
        kind = layers.architecture.shortcut
        out_channels = width * self.expansion
        changes_shape = stride != 1 or in_channels != out_channels
        projects = kind == "C" or (kind == "B" and changes_shape)
        self.has_shortcut = kind != "none"
        self.shortcut_scale = layers.architecture.shortcut_scale
        self.share: Tensor | float | None = None  # of the shortcut, where it changes in training
        self.stride = stride
        self.added_channels = out_channels - in_channels
        self.first = first
        self.downsample = layers.projection(in_channels, out_channels, stride) if projects else None
        self.add_body(layers, in_channels, width, stride)
        self.relu = layers.act_in("post")

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        if self.has_shortcut:
            out = out + self.shortcut(x)
        return self.relu(out)

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        """Make the layers of F, in their order: the last of them is `residual`."""
        raise NotImplementedError

    def body(self, x: Tensor) -> Tensor:
        """Compute F(x): what the stacked layers make of x, before the addition (section 3.1)."""
        raise NotImplementedError

    def shortcut(self, x: Tensor) -> Tensor:
        """Compute what is added to F(x) (section 3.3): a projection, x, or x subsampled with zero channels."""
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.added_channels > 0:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added_channels))
        x = x if self.shortcut_scale == 1 else self.shortcut_scale * x
        return x if self.share is None else self.share * x

    def without_body(self, x: Tensor) -> Tensor:
        """Compute what is handed on without F: the shortcut; a plain block, which has none, takes option A here."""
        if isinstance(self.relu, CReLU):
            x = self.relu.undone(x)
        return self.relu(self.shortcut(x))

    @property
    def residual(self) -> nn.Module:
        """Finds the last layer of F: a forward hook there reads F(x), or returns another in its place."""
        return [layer for layer in self.children() if layer is not self.relu][-1]


class BasicBlock(Block):
    """Has two 3x3 convolutions (figure 5, left)."""

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.conv1, self.bn1, self.relu1 = layers.conv(in_channels, width, 3, stride), layers.norm(width), layers.act()
        self.conv2, self.bn2 = layers.conv(width, width, 3), layers.norm(width)
        self.relu2, self.gate = layers.act_in("before"), layers.factor()

    def body(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        return self.gate(self.relu2(self.bn2(self.conv2(out))))


class Bottleneck(Block):
    """Has 1x1, 3x3 and 1x1 convolutions, the last with four times the channels (figure 5, right)."""

    expansion = 4

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.conv1, self.bn1, self.relu1 = layers.conv(in_channels, width, 1), layers.norm(width), layers.act()
        self.conv2, self.bn2, self.relu2 = layers.conv(width, width, 3, stride), layers.norm(width), layers.act()
        self.conv3, self.bn3 = layers.conv(width, 4 * width, 1), layers.norm(4 * width)
        self.relu3, self.gate = layers.act_in("before"), layers.factor()

    def body(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        return self.gate(self.relu3(self.bn3(self.conv3(out))))


class PreActivationBlock(Block):
    """Computes F(x) + shortcut(x), where F begins with norm and ReLU and nothing follows the addition.

    He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 4(e). The first block of a network has its
    input activated by the stem; a projection sees what has passed the first norm and ReLU (appendix). None is plain.
    """

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        self.bn1: Layer = unchanged if self.first else layers.norm(in_channels)
        self.relu1: Layer = unchanged if self.first else layers.act()

    def forward(self, x: Tensor) -> Tensor:
        active = self.activated(x)
        return self.convolved(active) + self.shortcut(x if self.downsample is None else active)

    def body(self, x: Tensor) -> Tensor:
        return self.convolved(self.activated(x))

    def activated(self, x: Tensor) -> Tensor:
        """Compute what the first norm and ReLU make of x."""
        return self.relu1(self.bn1(x))

    def convolved(self, active: Tensor) -> Tensor:
        """Compute the rest of F."""
        raise NotImplementedError

    def without_body(self, x: Tensor) -> Tensor:
        return self.shortcut(x if self.downsample is None else self.activated(x))


class PreActivationBasicBlock(PreActivationBlock):
    """Has two 3x3 convolutions."""

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().add_body(layers, in_channels, width, stride)
        self.conv1, self.bn2, self.relu2 = layers.conv(in_channels, width, 3, stride), layers.norm(width), layers.act()
        self.conv2, self.gate = layers.conv(width, width, 3), layers.factor()

    def convolved(self, active: Tensor) -> Tensor:
        out = self.relu2(self.bn2(self.conv1(active)))
        return self.gate(self.conv2(out))


class PreActivationBottleneck(PreActivationBlock):
    """Has 1x1, 3x3 and 1x1 convolutions, the last with four times the channels."""

    expansion = 4

    def add_body(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().add_body(layers, in_channels, width, stride)
        self.conv1, self.bn2, self.relu2 = layers.conv(in_channels, width, 1), layers.norm(width), layers.act()
        self.conv2, self.bn3, self.relu3 = layers.conv(width, width, 3, stride), layers.norm(width), layers.act()
        self.conv3, self.gate = layers.conv(width, 4 * width, 1), layers.factor()

    def convolved(self, active: Tensor) -> Tensor:
        out = self.relu2(self.bn2(self.conv1(active)))
        out = self.relu3(self.bn3(self.conv2(out)))
        return self.gate(self.conv3(out))
