"""The layers that a network is made of, as its architecture asks for them; all are torch's own."""

from dataclasses import dataclass

from torch import nn

from plainres.networks.architecture import Architecture

# Below so many input channels, oneDNN's weight gradient of a strided 1x1 convolution in channels_last writes past its
# buffer (torch 2.15 on AVX2, 2 to 6 channels); its forward pass and the gradient of its input are right.
STRIDED_FROM = 8


@dataclass(frozen=True)
class Layers:
    """Makes the layers of an architecture."""

    architecture: Architecture
    conv2d: type[nn.Conv2d] = nn.Conv2d

    def convolution(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A convolution that keeps the size (divided by the stride)."""
        bias = self.architecture.conv_bias
        return self.conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=bias)

    def norm(self, channels: int) -> nn.Module:
        """What follows a convolution."""
        return nn.BatchNorm2d(channels)

    def shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
        """The shortcut of one block, None in a plain network (section 3.3)."""
        kind = self.architecture.shortcut
        changes_shape = stride != 1 or in_channels != out_channels
        if kind == "none":
            return None
        if kind == "C" or (kind == "B" and changes_shape):
            return self._projection(in_channels, out_channels, stride)
        return zero_padded(out_channels - in_channels, stride) if changes_shape else nn.Identity()

    def _projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
        projection = nn.Sequential()
        if in_channels < STRIDED_FROM and stride > 1:
            projection.add_module("subsample", subsample(stride))
            stride = 1
        projection.add_module("0", self.convolution(in_channels, out_channels, 1, stride))
        if self.architecture.projection_norm:
            projection.add_module("1", self.norm(out_channels))
        return projection


def zero_padded(added_channels: int, stride: int) -> nn.Sequential:
    """Shortcut A: every stride-th pixel, and zero channels after the others; no parameters (section 3.3)."""
    return nn.Sequential(subsample(stride), nn.ZeroPad3d((0, 0, 0, 0, 0, added_channels)))


def subsample(stride: int) -> nn.Module:
    """Every stride-th pixel of every stride-th row: means over one pixel each."""
    return nn.AvgPool2d(kernel_size=1, stride=stride)
