"""Changes gradients before the optimizer uses them: evened out between layers, or clipped."""

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from plainres.settings import RunConfig


class Adjustment:
    """Changes the gradients that stand in a network's parameters as a run's settings ask; all stays on the device."""

    def __init__(self, network: nn.Module, config: RunConfig) -> None:
        self.config = config
        self.parameters = list(network.parameters())
        self.weights = [weights for weights in self.parameters if weights.dim() > 1]
        self.evens = torch.zeros((), dtype=torch.bool, device=self.parameters[0].device)  # a captured step reads it

    def begin(self, epoch: int) -> None:
        """Note which epoch begins, counted from 1."""
        self.evens.fill_(epoch <= self.config.equal_updates)

    def __call__(self) -> None:
        if self.config.equal_updates:
            even_out(self.weights, self.evens)
        if self.config.clip:
            clip_grad_norm_(self.parameters, self.config.clip)


@torch.no_grad()
def even_out(weights: list[nn.Parameter], active: Tensor) -> None:
    """Scale each layer's gradient so that all have the same ratio to their weights: the geometric mean of the ratios.

    A layer whose weights or gradient are zero, or not finite, stays as it is.

    Args:
        weights: of convolutions and the classifier, with their gradients; ratios are those of L2 norms.
        active: whether to; a tensor of one truth value, on their device.
    """
    gradients: list[Tensor] = [each.grad for each in weights]  # type: ignore[misc]
    ratios = torch.stack(torch._foreach_norm(gradients)) / torch.stack(torch._foreach_norm(list(weights)))
    usable = torch.isfinite(ratios) & (ratios > 0)
    logs = torch.where(usable, ratios, 1.0).log()
    common = (logs.sum() / usable.sum().clamp(min=1)).exp()
    factors = torch.where(usable & active, common / ratios, 1.0)
    torch._foreach_mul_(gradients, list(factors.unbind()))
