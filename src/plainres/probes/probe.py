"""Says what a probe is and does: it measures a network on a batch, and leaves the network as it was."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plainres.errors import BadInput
from plainres.networks.blocks import Block
from plainres.probes import PROBES

Batch = tuple[Tensor, Tensor]
"""Normalised images (N, C, H, W) and their labels (N,), on the network's device."""


class Probe(Protocol):
    """Is the function `measure` of a module in this room: called at initialisation and after epochs, or by hand."""

    def __call__(self, network: nn.Module, batch: Batch) -> Mapping[str, float]:
        """Return the values by metric name, with one slash in each.

        Raises:
            BadInput: the network or the batch can't be measured.
        """


class StepProbe(Protocol):
    """Measures in each step of training what the step has left in the network, such as its gradients."""

    names: Sequence[str]
    """Metric names, with one slash in each."""

    def measure(self) -> Tensor:
        """Return the values in the order of `names`, on the device; don't wait for it: they are read once an epoch."""


def probe_called(name: str) -> Probe:
    """Return the probe of this name.

    Raises:
        BadInput: there is none.
    """
    if name not in PROBES:
        raise BadInput(f"unknown probe {name!r}; choose from {', '.join(PROBES)}")
    return cast(Probe, import_module(f"plainres.probes.{name}").measure)


def check_size(batch: Batch, least: int = 2) -> None:
    """Raise BadInput if a batch has fewer images; batch norm needs two for its statistics."""
    if len(batch[0]) < least:
        raise BadInput(f"a batch of {len(batch[0])} is too small to measure: at least {least} images are needed")


def blocks_of(network: nn.Module) -> dict[str, Block]:
    """Return the blocks by name, first to last.

    Raises:
        BadInput: there are none.
    """
    found = {name: module for name, module in network.named_modules() if isinstance(module, Block)}
    if not found:
        raise BadInput(f"{type(network).__name__} has no blocks to measure; a network of `build_network` has")
    return found


def main_convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the convolutions of the main path by name, first to last: all but those of shortcuts."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and "downsample" not in name
    }


@contextmanager
def undisturbed(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Put the network in training or evaluation mode for a while; afterwards modes and buffers are as before.

    In training mode batch norm takes the statistics of the batch, and its running ones move: they are put back.
    """
    modes = [(module, module.training) for module in network.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    network.train(training)
    try:
        yield
    finally:
        for module, was in modes:
            module.training = was
        with torch.no_grad():
            for buffer, was_there in buffers:
                buffer.copy_(was_there)


@contextmanager
def normalised_by(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Put the network in evaluation mode for a while, with batch norm's statistics estimated anew on these images."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    with undisturbed(network, training=True):
        try:
            for norm in norms:
                norm.momentum = 1.0  # the running statistics become those of the next batch
            with torch.no_grad():
                network(images)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
        network.eval()
        yield
