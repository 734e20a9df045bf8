"""Trains by a rate for each layer (You, Gitman & Ginsburg 2017, "Large Batch Training of Convolutional Networks")."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

TRUST = 0.001  # section 5: how far a layer's update may change its weights


class Lars(Optimizer):
    """Takes steps of SGD with momentum, each layer's by its own rate: algorithm 1.

    The local rate of a layer is trust * |w| / (|g| + weight decay * |w|), so that its update is as large against its
    weights as every other layer's. What has one dimension, as biases and batch norms, and what is zero takes plain SGD.

    Args:
        parameters: as any optimizer takes them.
        lr: global rate.
        momentum: m of the paper.
        weight_decay: beta of the paper.
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float | Tensor, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step; all of it stays on the device."""
        for group in self.param_groups:
            decay = group["weight_decay"]
            for weights in group["params"]:
                update = weights.grad + decay * weights
                if weights.dim() > 1:
                    size, slope = weights.norm(), weights.grad.norm()
                    local = TRUST * size / (slope + decay * size)
                    update *= torch.where((size > 0) & (slope > 0), local, 1.0)
                state = self.state[weights]
                if not state:
                    state["velocity"] = torch.zeros_like(weights)
                velocity = state["velocity"].mul_(group["momentum"]).add_(update * group["lr"])
                weights.sub_(velocity)
