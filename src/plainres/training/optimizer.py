"""Makes a run's optimizer, and says its learning rate at each step."""

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from plainres.networks.network import Network
from plainres.settings import RunConfig
from plainres.training.lars import Lars
from plainres.training.muon import BETA2, Muon

# AdamW's first steps on a GPU, before one is captured, are taken as they are.
warnings.filterwarnings("ignore", message="This instance was constructed with capturable=True")


def optimizer_for(config: RunConfig, network: Network) -> Optimizer:
    """Make a run's optimizer of a network's parameters on its device, at its peak learning rate."""
    groups, fused = groups_of(config, network), config.device != "mps"
    common: dict[str, Any] = {"lr": in_place(config.lr, config.device), "weight_decay": config.weight_decay}
    match config.optimizer:
        case "adamw":
            return AdamW(
                groups, **common, betas=(config.momentum, BETA2), fused=fused, capturable=config.device == "cuda"
            )
        case "lars":
            return Lars(groups, **common, momentum=config.momentum)
        case "muon":
            return Muon(groups, **common, momentum=config.momentum)
        case _:
            return SGD(groups, **common, momentum=config.momentum, fused=fused)


def groups_of(config: RunConfig, network: Network) -> list[dict[str, Any]]:
    """Divide a network's parameters into those that are trained alike.

    With `param_groups` paper, Fixup's biases and scales have a tenth of the rate (its authors' cifar_train.py), and
    what has one dimension no weight decay beside weights dirac (DiracNets' authors' train.py). Muon leaves the
    classifier to AdamW.
    """
    paper, dirac = config.param_groups == "paper", config.weights == "dirac"
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        undecayed = paper and dirac and parameter.dim() == 1
        slow = paper and not dirac and ("bias" in name or "scale" in name)
        for_adamw = config.optimizer == "muon" and name.startswith("fc.")
        groups.setdefault((undecayed, slow, for_adamw), []).append(parameter)
    return [
        {"params": parameters}
        | ({"weight_decay": 0.0} if undecayed else {})
        | ({"lr": in_place(config.lr / 10, config.device)} if slow else {})
        | ({"matrices": False} if for_adamw else {})
        for (undecayed, slow, for_adamw), parameters in sorted(groups.items(), key=lambda group: group[0])
    ]


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
