"""Makes the layers that an architecture asks for: torch's own, and those that torch has none for."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from plainres.networks.activations import activation, channels_after
from plainres.networks.architecture import Architecture

# Below so many input channels, oneDNN's weight gradient of a strided 1x1 convolution in channels_last writes past its
# buffer (torch 2.15 on AVX2, 2 to 6 channels); its forward pass and the gradient of its input are right.
STRIDED_FROM = 8
GROUPS = 32  # of group norm, by default in Wu & He 2018, whose narrowest layer has 64 channels

Layer = Callable[[Tensor], Tensor]


def unchanged(x: Tensor) -> Tensor:
    """Return x: what stands where an architecture has no layer, and is no module, so that none is listed or hooked."""
    return x


@dataclass(frozen=True)
class Layers:
    """Makes the layers of an architecture; in place of those that it doesn't have, `unchanged`."""

    architecture: Architecture
    conv2d: type[nn.Conv2d] = nn.Conv2d

    def convolution(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, in_body: bool = False
    ) -> nn.Conv2d:
        """Make a convolution that keeps the size (divided by the stride)."""
        kind = DiracConv2d if in_body and self.architecture.weights == "dirac" else self.conv2d
        bias = self.architecture.conv_bias
        return kind(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=bias)

    def conv(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
        """Make a convolution of F, which comes after an activation of so many channels."""
        in_channels = channels_after(self.architecture, in_channels)
        return self.convolution(in_channels, out_channels, kernel, stride, in_body=True)

    def pool(self) -> Layer:
        """Make what halves the size between stages where no block strides, to the same size as strides would."""
        return nn.MaxPool2d(2, ceil_mode=True) if self.architecture.downsampling == "pool" else unchanged

    def norm(self, channels: int) -> Layer:
        """Make what normalises each channel over a batch, or an image's channels in groups."""
        match self.architecture.norm:
            case "batch":
                return nn.BatchNorm2d(channels)
            case "group":
                return nn.GroupNorm(max(1, min(GROUPS, channels // 2)), channels)
            case "layer":
                return nn.GroupNorm(1, channels)
            case _:
                return unchanged

    def act(self) -> nn.Module:
        """Make the non-linearity."""
        return activation(self.architecture)

    def act_in(self, block: str) -> Layer:
        """Make the non-linearity that blocks of one kind alone have in a place."""
        return self.act() if self.architecture.block == block else unchanged

    def bias(self) -> Layer:
        """Make what Fixup puts before convolutions in blocks, ReLUs and the classifier (rule 3)."""
        return Bias() if self.architecture.fixup else unchanged

    def factor(self) -> Layer:
        """Make what multiplies F(x): Fixup's learnt scalar from 1, a gate from 0 (SkipInit, ReZero), or a number."""
        if self.architecture.fixup:
            return Scale(1.0)
        if self.architecture.residual_gate:
            return Scale(0.0)
        factor = self.architecture.branch_factor
        return unchanged if factor == 1 else Times(factor)

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
        """Make the 1x1 convolution of shortcuts B and C."""
        layers: dict[str, Layer] = {"bias": self.bias()}
        if in_channels < STRIDED_FROM and stride > 1:
            layers["subsample"] = nn.AvgPool2d(kernel_size=1, stride=stride)  # every stride-th pixel
            stride = 1
        layers["0"] = self.convolution(in_channels, out_channels, 1, stride)
        if self.architecture.projection_norm and self.architecture.block != "pre":
            layers["1"] = self.norm(out_channels)
        return nn.Sequential(
            OrderedDict((name, layer) for name, layer in layers.items() if isinstance(layer, nn.Module))
        )


class Scale(nn.Module):
    """Multiplies x by a learnt scalar: Fixup's multiplier, or a gate."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = start
        self.factor = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.factor, self.start)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Times(nn.Module):
    """Multiplies x by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


class Bias(nn.Module):
    """Adds to x a learnt scalar that starts at zero (Fixup, rule 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class DiracConv2d(nn.Conv2d):
    """Convolves with diag(a) I + diag(b) W / |W|, by output channel; I is the identity's kernel.

    Zagoruyko & Komodakis 2017, "DiracNets", section 3; a starts at 1, b at 0.1, and added channels have no identity, as
    in the authors' code. Where it strides, which theirs doesn't, the identity hands on every second pixel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, *, padding: int, bias: bool
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding=padding, bias=bias)
        self.a = nn.Parameter(torch.empty(out_channels))
        self.b = nn.Parameter(torch.empty(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        out_channels, in_channels, side, _ = self.weight.shape
        identity = torch.eye(out_channels, in_channels, device=self.a.device, dtype=self.a.dtype) * self.a[:, None]
        around = side // 2
        kernel = pad(identity[:, :, None, None], (around, around, around, around))
        direction = self.weight / torch.linalg.vector_norm(self.weight, dim=(1, 2, 3), keepdim=True)
        out: Tensor = self._conv_forward(x, kernel + self.b[:, None, None, None] * direction, self.bias)
        return out
