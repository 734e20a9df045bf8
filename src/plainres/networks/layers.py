"""The layers that a network is made of, all torch's own, as its architecture asks for them."""

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

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
        """The 1x1 convolution of shortcuts B and C."""
        projection = nn.Sequential()
        if in_channels < STRIDED_FROM and stride > 1:
            projection.add_module("subsample", nn.AvgPool2d(kernel_size=1, stride=stride))  # every stride-th pixel
            stride = 1
        projection.add_module("0", self.convolution(in_channels, out_channels, 1, stride))
        if self.architecture.projection_norm:
            projection.add_module("1", self.norm(out_channels))
        return projection
