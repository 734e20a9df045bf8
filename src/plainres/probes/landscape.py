"""Measures the loss around a network, along filter-normalised random directions.

Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets".
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from plainres.names import LANDSCAPE
from plainres.probes.probe import Batch, check_size, undisturbed

DISTANCES = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0)
DIRECTIONS = 3  # that a mean is over

Direction = Mapping[str, Tensor]
"""A step for each parameter, by name."""


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the loss at distances from the network, the mean over three directions, less that at the network."""
    check_size(batch, 1)
    here = losses_along(network, batch, {}, [0.0])[0]
    losses = [losses_along(network, batch, random_direction(network, seed), DISTANCES) for seed in range(DIRECTIONS)]
    rises = np.mean(losses, axis=0) - here
    return {f"{LANDSCAPE}{distance:g}": float(rise) for distance, rise in zip(DISTANCES, rises, strict=True)}


def random_direction(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Draw a normal step for each weight, each filter scaled to the norm of the network's own (section 4).

    A row of the classifier is a filter too. Biases and the parameters of batch norm stay where they are.
    """
    draws = torch.Generator().manual_seed(seed)
    direction = {}
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1:
            drawn = torch.randn(parameter.shape, generator=draws).to(parameter)
            norms, wanted = (tensor.detach().flatten(1).norm(dim=1) for tensor in (drawn, parameter))
            direction[name] = drawn * (wanted / norms).view(-1, *[1] * (parameter.dim() - 1))
    return direction


def losses_along(network: nn.Module, batch: Batch, direction: Direction, distances: Iterable[float]) -> np.ndarray:
    """Return the mean cross-entropy on the batch at each distance along a direction, (distances,).

    In evaluation mode: batch norm keeps the running statistics of the network, as in the paper's own code.
    """
    return np.array([_loss(network, batch, [(distance, direction)]) for distance in distances])


def losses_over(
    network: nn.Module, batch: Batch, directions: tuple[Direction, Direction], distances: Sequence[float]
) -> np.ndarray:
    """Return the losses over a plane: row i, column j lies at distance i along the first and j along the second."""
    first, second = directions
    return np.array([[_loss(network, batch, [(x, first), (y, second)]) for y in distances] for x in distances])


def _loss(network: nn.Module, batch: Batch, steps: Sequence[tuple[float, Direction]]) -> float:
    images, labels = batch
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    for distance, direction in steps:
        parameters |= {name: parameters[name] + distance * step for name, step in direction.items()}
    with undisturbed(network, training=False), torch.no_grad():
        return cross_entropy(functional_call(network, parameters, (images,)), labels).item()
