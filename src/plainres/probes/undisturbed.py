"""A network in a mode for a while, and then as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def undisturbed(network: nn.Module, *, training: bool) -> Iterator[None]:
    """The network in training or evaluation mode; afterwards its modes and its buffers are those of before.

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
