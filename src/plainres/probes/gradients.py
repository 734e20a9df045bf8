"""Gradient norms of all layers from one fused call a step, summed on the device."""

import torch
from torch import Tensor, nn


class GradientNorms:
    """L2 norms of the weight gradients of every convolution and the classifier, and of all gradients together."""

    def __init__(self, network: nn.Module) -> None:
        layers = {
            f"{name}.weight": name
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
        named = list(network.named_parameters())
        self.parameters = [parameter for _, parameter in named]
        self.names = ["total", *(layers[name] for name, _ in named if name in layers)]
        rows = [row for row, (name, _) in enumerate(named) if name in layers]
        self.rows = torch.tensor(rows, device=self.parameters[0].device)  # a list would be copied there in every step

    def measure(self) -> Tensor:
        """The norms of the gradients that now stand in the parameters, in the order of `names`, on the device."""
        gradients = [parameter.grad for parameter in self.parameters]
        norms = torch.stack(torch._foreach_norm(gradients))  # type: ignore[arg-type]
        return torch.cat([torch.linalg.vector_norm(norms)[None], norms[self.rows]])
