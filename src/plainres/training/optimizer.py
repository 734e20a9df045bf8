"""Makes a run's optimizer, and says its learning rate at each step."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from plainres.settings import RunConfig


def optimizer_for(config: RunConfig, parameters: Iterable[Tensor]) -> Optimizer:
    """Make a run's SGD over parameters on its device, at its peak learning rate."""
    return SGD(
        parameters,
        lr=in_place(config.lr, config.device),
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=config.device != "mps",
    )


def in_place(learning_rate: float, device: str) -> float | Tensor:
    """Return a learning rate as an optimizer takes it: on a GPU a tensor, which a captured step reads each time."""
    return torch.tensor(learning_rate, device=device) if device == "cuda" else learning_rate


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the share of the peak learning rate at a step, counted from 0.

    `cosine` falls from 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts); `step` divides by ten
    after 1/2 and again after 3/4 of all steps (He et al. 2015, section 4.2: 32k and 48k of 64k); `constant` stays.
    During warm-up the rate first rises linearly to what the schedule starts from.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    match schedule:
        case "cosine":
            return (1 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))) / 2
        case "step":
            return 0.1 ** ((2 * step >= total_steps) + (4 * step >= 3 * total_steps))
        case "constant":
            return 1.0
        case _:
            raise ValueError(f"no schedule is called {schedule!r}")
