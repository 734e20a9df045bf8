"""Measures gradient norms of all layers: by one fused call in each step of training, or on a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from plainres.names import GRADIENT
from plainres.probes.probe import Batch, undisturbed


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the gradient norms of the mean cross-entropy over a batch in training mode, as of a first step."""
    norms = GradientNorms(network)
    images, labels = batch
    with undisturbed(network, training=True):
        gradients = torch.autograd.grad(cross_entropy(network(images), labels), norms.parameters)
    return dict(zip(norms.names, norms.of(gradients).tolist(), strict=True))


class GradientNorms:
    """Measures L2 norms of the weight gradients of every convolution and the classifier, and of all together."""

    def __init__(self, network: nn.Module) -> None:
        layers = {
            f"{name}.weight": name
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
        named = list(network.named_parameters())
        self.parameters = [parameter for _, parameter in named]
        self.names: Sequence[str] = [
            GRADIENT + layer for layer in ["total", *(layers[name] for name, _ in named if name in layers)]
        ]
        rows = [row for row, (name, _) in enumerate(named) if name in layers]
        self.rows = torch.tensor(rows, device=self.parameters[0].device)  # a list would be copied there in every step

    def measure(self) -> Tensor:
        """Return the norms of the gradients that stand in the parameters, in the order of `names`, on the device."""
        return self.of([parameter.grad for parameter in self.parameters])  # type: ignore[misc]

    def of(self, gradients: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        """Return the norms of these gradients of `parameters`."""
        norms = torch.stack(torch._foreach_norm(gradients))
        return torch.cat([torch.linalg.vector_norm(norms)[None], norms[self.rows]])
