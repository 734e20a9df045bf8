"""Blocks, plain and residual alike: the shortcut is what differs.

He et al. 2015, "Deep Residual Learning for Image Recognition"; names of parameters are torchvision's. Strides of
bottleneck blocks stand on the 3x3 convolution, as in torchvision.
"""

from torch import Tensor, nn

from plainres.networks.layers import Layers


class Block(nn.Module):
    """relu(F(x) + shortcut(x)), or relu(F(x)) in a plain network; F is made of all layers but these two.

    Shapes: (N, in_channels, H, W) to (N, width * expansion, H / stride, W / stride).

    Attributes:
        residual: F(x) leaves through it as it is; a forward hook there reads F(x), or returns another in its place.
        downsample: the shortcut, None in a plain network.
    """

    expansion = 1

    def __init__(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.downsample = layers.shortcut(in_channels, width * self.expansion, stride)
        convolutions = self.convolutions(width, stride)
        for number, (kernel, channels, step) in enumerate(convolutions, start=1):
            self.add_module(f"conv{number}", layers.convolution(in_channels, channels, kernel, step))
            self.add_module(f"bn{number}", layers.norm(channels))
            if number < len(convolutions):
                self.add_module(f"relu{number}", nn.ReLU())
            in_channels = channels
        self.residual = nn.Identity()
        self.relu = nn.ReLU()

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        """Kernel, channels and stride of each convolution."""
        raise NotImplementedError

    def body(self, x: Tensor) -> Tensor:
        """F(x): the stacked layers, up to and without the last ReLU (section 3.1)."""
        for name, layer in self.named_children():
            if name != "downsample" and name != "relu":  # TorchScript reads this
                x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        if self.downsample is not None:
            out = out + self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class BasicBlock(Block):
    """Two 3x3 convolutions (figure 5, left)."""

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        return (3, width, stride), (3, width, 1)


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolutions, the last with four times the channels (figure 5, right)."""

    expansion = 4

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        return (1, width, 1), (3, width, stride), (1, 4 * width, 1)
