"""Blocks, plain and residual alike: the shortcut is what differs.

He et al. 2015, "Deep Residual Learning for Image Recognition"; names of parameters are torchvision's. Strides of
bottleneck blocks stand on the 3x3 convolution, as in torchvision.
"""

from torch import Tensor, nn
from torch.nn.functional import pad

from plainres.networks.layers import Layers


class Block(nn.Module):
    """relu(F(x) + shortcut(x)), or relu(F(x)) in a plain network.

    Shapes: (N, in_channels, H, W) to (N, width * expansion, H / stride, W / stride).
    """

    expansion = 1
    __jit_unused_properties__ = ("residual",)

    def __init__(self, layers: Layers, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        kind = layers.architecture.shortcut
        out_channels = width * self.expansion
        changes_shape = stride != 1 or in_channels != out_channels
        projects = kind == "C" or (kind == "B" and changes_shape)
        self.has_shortcut = kind != "none"
        self.stride = stride
        self.added_channels = out_channels - in_channels
        self.downsample = layers.projection(in_channels, out_channels, stride) if projects else None
        convolutions = self.convolutions(width, stride)
        for number, (kernel, channels, step) in enumerate(convolutions, start=1):
            self.add_module(f"conv{number}", layers.convolution(in_channels, channels, kernel, step))
            self.add_module(f"bn{number}", layers.norm(channels))
            if number < len(convolutions):
                self.add_module(f"relu{number}", nn.ReLU())
            in_channels = channels
        self.relu = nn.ReLU()

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        """Kernel, channels and stride of each convolution."""
        raise NotImplementedError

    def body(self, x: Tensor) -> Tensor:
        """F(x): the stacked layers in their order, up to and without the last ReLU (section 3.1)."""
        for name, layer in self.named_children():
            if name != "downsample" and name != "relu":  # as TorchScript understands it
                x = layer(x)
        return x

    def shortcut(self, x: Tensor) -> Tensor:
        """What a residual block adds to F(x) (section 3.3): a projection, x, or x subsampled with zero channels."""
        if self.downsample is not None:
            return self.downsample(x)  # type: ignore[no-any-return]
        if self.added_channels == 0:
            return x
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added_channels))

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        if self.has_shortcut:
            out = out + self.shortcut(x)
        return self.relu(out)  # type: ignore[no-any-return]

    @property
    def residual(self) -> nn.Module:
        """The last layer of F: a forward hook there reads F(x), or returns another in its place."""
        return [layer for name, layer in self.named_children() if name not in ("downsample", "relu")][-1]


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
