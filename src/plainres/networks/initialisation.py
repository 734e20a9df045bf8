"""Starts a network: draws its weights, and sets those that aren't drawn."""

import torch
from torch import Tensor, nn

from plainres.networks.activations import gain_of
from plainres.networks.architecture import Architecture
from plainres.networks.layers import DiracConv2d
from plainres.networks.network import Network

HE_GAIN = nn.init.calculate_gain("relu")
NORMS = nn.BatchNorm2d, nn.GroupNorm


def initialise(network: Network, architecture: Architecture) -> None:
    """Initialise as torchvision does, after He: normal convolutions (fan out), batch norm 1 and 0, default classifier.

    What the architecture asks for beside that is made of the same draws: one seed gives all networks of a depth the
    same random numbers on the main path. Projections come last and take He's draw as it is; biases start at zero. What
    a CReLU is before starts as [W, -W], where W is what it would be without one.
    """
    after_activations = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not network.conv1
    ]
    mirrored = after_activations if architecture.activation == "crelu" else []
    for module in mirrored:
        module.weight.data = module.weight.data.chunk(2, dim=1)[0].contiguous()
    for name, module in sorted(network.named_modules(), key=lambda item: "downsample" in item[0]):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if "downsample" not in name:
                gain = gain_of(architecture)
                module.weight.data = started(module.weight.data, architecture.init, architecture.init_share, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, DiracConv2d):
                nn.init.ones_(module.a)
                nn.init.constant_(module.b, 0.1)
        elif hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for module in mirrored:
        module.weight.data = torch.cat([module.weight.data, -module.weight.data], dim=1)
    if architecture.zero_gamma:
        for _, block in network.blocks():
            nn.init.zeros_([layer for layer in block.children() if isinstance(layer, NORMS)][-1].weight)
    if architecture.fixup:
        apply_fixup(network)


def started(drawn: Tensor, init: str, share: float, gain: float = HE_GAIN) -> Tensor:
    """Return a convolution's weights that start as `init` says, made of He's draw.

    Orthogonal ones have the activation's gain: with a ReLU's the squares of what they give add up to twice those of
    their input, half of which a ReLU leaves.
    """
    drawn = drawn if gain == HE_GAIN else gain / HE_GAIN * drawn
    if init == "dirac":
        return share * drawn + nn.init.dirac_(torch.empty_like(drawn))
    if init == "orthogonal":
        return gain * orthogonal(drawn.flatten(1)).view_as(drawn)
    if init == "delta-orthogonal":
        centre = drawn.shape[2] // 2
        weight = torch.zeros_like(drawn)
        weight[:, :, centre, centre] = gain * orthogonal(drawn[:, :, centre, centre])
        return weight
    return drawn


def orthogonal(matrix: Tensor) -> Tensor:
    """Make orthonormal columns, or rows where there are fewer, of a Gaussian matrix; uniformly distributed."""
    if matrix.shape[0] < matrix.shape[1]:
        return orthogonal(matrix.T).T
    q, r = torch.linalg.qr(matrix)
    columns: Tensor = q * r.diagonal().sign()
    return columns


@torch.no_grad()
def apply_fixup(network: Network) -> None:
    """Apply Fixup's scales (Zhang et al. 2019, section 3, rules 1 and 2), on top of He's draw.

    With L blocks of m convolutions: the last convolution of each block and the classifier are zero, the other
    convolutions in blocks are multiplied by L to the power of -1 / (2m - 2).
    """
    blocks = [block for _, block in network.blocks()]
    for block in blocks:
        *others, last = [layer for layer in block.children() if isinstance(layer, nn.Conv2d)]
        for convolution in others:
            convolution.weight.mul_(len(blocks) ** (-1 / (2 * len(others))))
        nn.init.zeros_(last.weight)
    nn.init.zeros_(network.fc.weight)
    nn.init.zeros_(network.fc.bias)
