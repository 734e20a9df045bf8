"""Lists what a network is made of: output shapes, parameters and multiply-adds, found without its weights.

torchinfo would need a forward pass with storage, and leaves batch norm's running statistics out of its counts.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod

import torch
from torch import Tensor, nn

from plainres.networks.activations import ACTIVATIONS


@dataclass(frozen=True)
class Row:
    """Describes a layer, a stage or the whole network."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    """Of one image: (channels, height, width), or (classes,)."""
    trainable: int
    """Parameters that training changes by their gradient."""
    not_trainable: int
    """Running means and variances of batch norm."""
    multiply_adds: int
    """Of the convolutions and the classifier for one image, as in table 1 of He et al. 2015; biases are left out."""

    @property
    def parameters(self) -> int:
        """Counts parameters, trainable or not."""
        return self.trainable + self.not_trainable


@dataclass(frozen=True)
class NetworkSummary:
    """Holds a network's rows in the order of computation; `print` shows the stages, `table(layers=True)` all."""

    input_shape: tuple[int, ...]
    stages: tuple[Row, ...]
    """The network's own parts: stem, stages of blocks, pooling, classifier."""
    layers: tuple[Row, ...]
    """Every layer but those the ReLUs."""
    total: Row

    def table(self, *, layers: bool = False) -> str:
        """Return the rows as text, totals last."""
        rows = [
            (row.name, row.kind, _shape(row.output_shape), f"{row.parameters:,}", f"{row.multiply_adds:,}")
            for row in (*(self.layers if layers else self.stages), self.total)
        ]
        head = ("layer" if layers else "stage", "kind", "output", "parameters", "multiply-adds")
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in (head, *rows)]
        rule = "─" * max(map(len, lines))
        return "\n".join(
            [
                lines[0],
                rule,
                *lines[1:-1],
                rule,
                lines[-1],
                f"{self.total.trainable:,} trainable, {self.total.not_trainable:,} not (running statistics of batch "
                f"norm); input {_shape(self.input_shape)}",
            ]
        )

    def __str__(self) -> str:
        return self.table()


def summarize(network: nn.Module, input_size: Sequence[int]) -> NetworkSummary:
    """Summarise a network of the factory; the network stays as it is.

    Args:
        network: from `plainres.networks.factory.build_network`.
        input_size: channels, height and width of an image; a batch size in front of them is ignored.
    """
    shape = tuple(input_size)[-3:]
    without_storage = {
        id(tensor): nn.Parameter(tensor.to("meta"), requires_grad=tensor.requires_grad)
        for tensor in chain(network.parameters(), network.buffers())
    }
    shapes: dict[str, tuple[int, ...]] = {}
    model = copy.deepcopy(network, without_storage).eval()
    modules = dict(model.named_modules())
    name_of = {module: name for name, module in modules.items()}

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        shapes[name_of[module]] = tuple(output.shape[1:])

    for module in name_of:
        module.register_forward_hook(note)
        if isinstance(module, nn.BatchNorm2d):  # keeps the shape, and without storage takes milliseconds
            module.forward = lambda input: input  # type: ignore[method-assign]
    with torch.no_grad():
        model(torch.empty(1, *shape, device="meta"))

    layers = [
        _layer_row(name, modules[name], output)
        for name, output in shapes.items()
        if not isinstance(modules[name], ACTIVATIONS) and not list(modules[name].children())
    ]
    stages = [
        _sum(
            name,
            _kind(module),
            shapes[name],
            [layer for layer in layers if layer.name == name or layer.name.startswith(f"{name}.")],
        )
        for name, module in model.named_children()
        if not isinstance(module, ACTIVATIONS)
    ]
    return NetworkSummary(shape, tuple(stages), tuple(layers), _sum("total", "", shapes[""], layers))


def _layer_row(name: str, module: nn.Module, output_shape: tuple[int, ...]) -> Row:
    multiply_adds = 0
    if isinstance(module, nn.Conv2d | nn.Linear):
        # Every weight is used once at each position of the output.
        multiply_adds = module.weight.numel() * prod(output_shape[1:])
    return Row(
        name,
        _kind(module),
        output_shape,
        _count(module.parameters()),
        _count([module.running_mean, module.running_var]) if isinstance(module, nn.BatchNorm2d) else 0,
        multiply_adds,
    )


def _sum(name: str, kind: str, output_shape: tuple[int, ...], layers: Sequence[Row]) -> Row:
    return Row(
        name,
        kind,
        output_shape,
        sum(layer.trainable for layer in layers),
        sum(layer.not_trainable for layer in layers),
        sum(layer.multiply_adds for layer in layers),
    )


def _kind(module: nn.Module) -> str:
    """The layer in words, as `3x3 convolution / 2` or `2 basic blocks`."""
    match module:
        case nn.Conv2d(kernel_size=(side, _), stride=(stride, _)):
            return f"{side}x{side} convolution" + (f" / {stride}" if stride > 1 else "")
        case nn.Sequential():
            return f"{len(module)} x {type(module[0]).__name__}"
        case _:
            return type(module).__name__


def _count(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.numel() for tensor in tensors if tensor is not None)


def _shape(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
