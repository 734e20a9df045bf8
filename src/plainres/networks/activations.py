"""Makes activations, and says the gain of draws with which each keeps the size of a signal."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from plainres.networks.architecture import Architecture

ETA = 0.9  # cosine that two unrelated images are brought to (Zhang et al. 2022, section 3.2 and appendix)
PRECISION = 1e-12


class TailoredReLU(nn.Module):
    """Computes a leaky ReLU times the number that keeps the mean square of a normal x: TAT's activation.

    Zhang et al. 2022, "Deep Learning without Shortcuts: Shaping the Kernel with Tailored Rectifiers", section 4.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.factor = math.sqrt(2 / (1 + slope**2))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * leaky_relu(x, self.slope)


class CReLU(nn.Module):
    """Computes relu(x) and relu(-x), one behind the other: (N, C, H, W) to (N, 2C, H, W).

    A layer after it that starts as [W, -W] gives W x, so that a network of these looks linear at the start (Balduzzi et
    al. 2017, "The Shattered Gradients Problem", section 4). Width counts the channels before it: all layers but the
    stem's convolution have twice the weights that they have in a network of ReLUs as wide.
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.relu(), (-x).relu()], dim=1)

    def undone(self, x: Tensor) -> Tensor:
        """Return what it was given, of what it gave."""
        positive, negative = x.chunk(2, dim=1)
        return positive - negative


ACTIVATIONS = nn.ReLU, nn.LeakyReLU, nn.Tanh, TailoredReLU, CReLU


def activation(architecture: Architecture) -> nn.Module:
    """Make the non-linearity of an architecture."""
    match architecture.activation:
        case "leaky":
            return nn.LeakyReLU(architecture.leak)
        case "tanh":
            return nn.Tanh()
        case "tat":
            return TailoredReLU(tailored_slope(architecture.depth - 1))
        case "crelu":
            return CReLU()
        case _:
            return nn.ReLU()


def channels_after(architecture: Architecture, channels: int) -> int:
    """Count the channels that the activation makes of so many."""
    return 2 * channels if architecture.activation == "crelu" else channels


def gain_of(architecture: Architecture) -> float:
    """Give the gain of a draw: the root of 2 for a ReLU (He et al. 2015b), less for a leaky one, 1 for the others.

    tanh has the slope 1 at zero, where Xiao et al. 2018 start it; TAT's keeps the size by itself, and a CReLU before
    mirrored weights is linear.
    """
    match architecture.activation:
        case "relu":
            return nn.init.calculate_gain("relu")
        case "leaky":
            return nn.init.calculate_gain("leaky_relu", architecture.leak)
        case _:
            return 1.0


def tailored_slope(activations: int, eta: float = ETA) -> float:
    """Find the slope of TAT's leaky ReLU for a chain of so many of them.

    It is the one at which the chain takes images of cosine 0 to images of cosine `eta` (equation 7 of the paper).
    """
    low, high = 0.0, 1.0  # a slope of 1 is the identity, which leaves the cosine at 0; one of 0 brings it close to 1
    if cosine_after(activations, low) <= eta:
        return 0.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if cosine_after(activations, middle) > eta else (low, middle)
    return (low + high) / 2


def cosine_after(activations: int, slope: float, cosine: float = 0.0) -> float:
    """Compute the cosine that a chain of leaky ReLUs brings two signals to, in the limit of width (proposition 2)."""
    for _ in range(activations):
        rest = math.sqrt(max(0.0, 1 - cosine**2)) - cosine * math.acos(min(1.0, cosine))
        cosine = min(1.0, cosine + (1 - slope) ** 2 / (math.pi * (1 + slope**2)) * rest)
    return cosine
