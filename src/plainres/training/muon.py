"""Trains convolutions by orthogonalised momentum (Jordan et al. 2024, "Muon"), and all else by AdamW.

torch's own Muon takes matrices alone and trains nothing else; this one is the same for each kernel as a matrix.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic iteration
ITERATIONS = 5
EPSILON = 1e-7
BETA2, ADAM_EPSILON = 0.999, 1e-8
RMS = 0.2  # of an update, as large as AdamW's (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2)


class Muon(Optimizer):
    """Takes steps of one rate: Muon's for weights of two and more dimensions but the classifier's, AdamW's for others.

    A kernel of (out, in, h, w) counts as a matrix of (out, in * h * w). Weight decay is decoupled, for all alike.

    Args:
        parameters: as any optimizer takes them; of a group with `matrices` False all are AdamW's.
        lr: rate of both.
        momentum: of Muon, Nesterov's, and AdamW's first beta.
        weight_decay: of both.
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float | Tensor, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "matrices": True})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step; all of it stays on the device."""
        for group in self.param_groups:
            for weights in group["params"]:
                by_muon = group["matrices"] and weights.dim() > 1
                update = (self._muon if by_muon else self._adam)(weights, group["momentum"])
                weights.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)

    def _muon(self, weights: Tensor, momentum: float) -> Tensor:
        assert weights.grad is not None
        state = self.state[weights]
        if not state:
            state["average"] = torch.zeros_like(weights)
        average = state["average"].lerp_(weights.grad, 1 - momentum)
        ahead = weights.grad.lerp(average, momentum)
        matrix = orthogonalised(ahead.flatten(1))
        scale: float = RMS * max(matrix.shape) ** 0.5
        return scale * matrix.view(weights.shape)

    def _adam(self, weights: Tensor, beta1: float) -> Tensor:
        state = self.state[weights]
        if not state:
            state["steps"] = torch.zeros((), device=weights.device)
            state["average"], state["square"] = torch.zeros_like(weights), torch.zeros_like(weights)
        state["steps"] += 1
        state["average"].lerp_(weights.grad, 1 - beta1)
        state["square"].mul_(BETA2).addcmul_(weights.grad, weights.grad, value=1 - BETA2)
        average = state["average"] / (1 - beta1 ** state["steps"])
        update: Tensor = average / ((state["square"] / (1 - BETA2 ** state["steps"])).sqrt() + ADAM_EPSILON)
        return update


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return about the nearest matrix with orthonormal rows or columns: five Newton-Schulz iterations, in bfloat16."""
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if is_tall else matrix).bfloat16()
    x = x / x.norm().clamp(min=EPSILON)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    near: Tensor = (x.T if is_tall else x).to(matrix.dtype)
    return near
