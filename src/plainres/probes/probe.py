"""What a probe is: it measures a network on a batch, in training or afterwards, and leaves the network as it was."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

from torch import Tensor, nn

from plainres.errors import BadInput
from plainres.probes import PROBES

Batch = tuple[Tensor, Tensor]
"""Normalised images (N, C, H, W) and their labels (N,), on the network's device."""


class Probe(Protocol):
    """The function `measure` of a module in this room: called at initialisation and after epochs, or by hand."""

    def __call__(self, network: nn.Module, batch: Batch) -> Mapping[str, float]:
        """The values by metric name, with one slash in each.

        Raises:
            BadInput: the network or the batch can't be measured.
        """


class StepProbe(Protocol):
    """Measures in each step of training what the step has left in the network, such as its gradients."""

    names: Sequence[str]
    """Metric names, with one slash in each."""

    def measure(self) -> Tensor:
        """The values in the order of `names`, on the device, without waiting for it: they are read once an epoch."""


def probe_called(name: str) -> Probe:
    """The probe of this name.

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
