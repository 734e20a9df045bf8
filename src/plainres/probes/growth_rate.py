"""Measures by how much gradients grow with each layer, towards the input.

Yang et al. 2019, "A Mean Field Theory of Batch Normalization".
"""

import math
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import nn

from plainres.errors import BadInput
from plainres.names import GRADIENT, GROWTH
from plainres.probes import gradients
from plainres.probes.probe import Batch, check_size, main_convolutions


def mean_field(leak: float = 0.0) -> float:
    """Return the factor at initialisation, without shortcuts, in wide networks and large batches.

    With h normal after batch norm, an activation lets q = (1 + leak^2) / 2 of the gradient's square through, and the
    next batch norm divides by the variance of activation(h) over the batch, q - (1 - leak)^2 / (2 pi). Of a rectifier
    the square grows by pi / (pi - 1) = 1.467 a layer.
    """
    q = (1 + leak**2) / 2
    return math.sqrt(q / (q - (1 - leak) ** 2 / (2 * math.pi)))


MEAN_FIELD = mean_field()


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the factor by which the gradient norm grows with each convolution that lies further from the classifier.

    `MEAN_FIELD` is what it is to be compared with in a plain network before training.
    """
    check_size(batch)
    norms = {name.removeprefix(GRADIENT): value for name, value in gradients.measure(network, batch).items()}
    return {GROWTH: growth_rate(network, norms)}


def growth_rate(network: nn.Module, norms: Mapping[str, float]) -> float:
    """Fit the factor to gradient norms by layer: one line through their logarithms, over all layers of one shape.

    Norms of weights of different shapes aren't comparable, so each shape has a height of its own, and all have one
    slope. Not a number where no gradient is left.

    Raises:
        BadInput: no two convolutions have a shape in common.
    """
    groups: dict[torch.Size, list[tuple[int, float]]] = defaultdict(list)
    for position, (name, convolution) in enumerate(main_convolutions(network).items()):
        groups[convolution.weight.shape].append((position, norms[name]))
    products = squares = 0.0
    for group in groups.values():
        middle = sum(position for position, _ in group) / len(group)
        for position, norm in group:
            products += (position - middle) * (math.log(norm) if norm > 0 else math.nan)
            squares += (position - middle) ** 2
    if squares == 0:
        raise BadInput("no two convolutions of this network have the same shape, so no growth can be measured")
    return math.exp(-products / squares)
