"""Exchanges what several processes of torch.distributed need so that the run they train is the run of one.

Each works on its share of every batch. The gradients are those of the whole batch's mean loss, and so are the
statistics of batch norm; sums and statistics are added up in another order, so that results agree but for rounding.
"""

import copy
import warnings
from itertools import chain
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from plainres.data.decode import Shape
from plainres.data.shares import Share
from plainres.probes.probe import undisturbed
from plainres.settings import RunConfig


def data_parallel(network: nn.Module, config: RunConfig, image_shape: Shape) -> nn.Module:
    """Return the network's forward pass in training, whose backward pass leaves the mean gradient of all processes.

    The network itself keeps torch's own layers; its parameters and buffers are those of what is returned.
    """
    tensors = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    twin = copy.deepcopy(network, tensors).train()
    if config.norm_shares == 1:
        twin = _with_global_norms(twin, config.device)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of a newer name, which torch 2.11 lacks
        parallel = DistributedDataParallel(twin, broadcast_buffers=False)
    # After its first pass it adds gradients up in another order, so that a run that goes on would have other bits.
    with undisturbed(network, training=True):
        parallel(torch.zeros(2, *image_shape, device=config.device)).sum().backward()
    network.zero_grad()
    return parallel


def total(sums: Tensor, share: Share) -> Tensor:
    """Add up what the processes have summed up, each over its share; in place."""
    if share.processes > 1:
        distributed.all_reduce(sums)
    return sums


def average_statistics(network: nn.Module, share: Share) -> None:
    """Make the running statistics of batch norm the means over the processes, where each had those of its own share."""
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.copy_(total(buffer / share.processes, share))


def _with_global_norms(network: nn.Module, device: str) -> nn.Module:
    if device == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = _GlobalBatchNorm2d
    return network


class _GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm in training, with the statistics of all processes' images: torch's SyncBatchNorm refuses CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor
        out, mean, variance, count = _Normalise.apply(x, self.weight, self.bias, self.eps)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        for running, value in ((self.running_mean, mean), (self.running_var, variance * count / (count - 1))):
            assert running is not None
            running.lerp_(value, self.momentum or 0.0)
        return out


class _Normalise(torch.autograd.Function):
    """x (N, C, H, W) normalised by mean and variance of each channel over all processes, then scaled and shifted."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        count = x.new_full((1,), x.numel() // x.shape[1])
        own = torch.cat([count, mean, variance])
        gathered = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(gathered, own)
        counts, means, variances = torch.split(torch.stack(gathered), [1, len(mean), len(mean)], dim=1)
        # Chan et al. 1979, "Updating Formulae ... for Computing Sample Variances", for all at once.
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / count
        inverse = torch.rsqrt(variance + eps)
        ctx.save_for_backward(x, weight, mean, inverse, count)
        ctx.mark_non_differentiable(mean, variance, count)
        scale = (weight * inverse)[:, None, None]
        return torch.addcmul((bias - mean * weight * inverse)[:, None, None], x, scale), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        gradient = gradients[0]
        x, weight, mean, inverse, count = ctx.saved_tensors
        normalised = (x - mean[:, None, None]) * inverse[:, None, None]
        own = torch.stack([gradient.sum((0, 2, 3)), (gradient * normalised).sum((0, 2, 3))])
        sums = own.clone()
        distributed.all_reduce(sums)
        shift, slope = (sums / count)[:, :, None, None]
        x_gradient = (weight * inverse)[:, None, None] * (gradient - shift - normalised * slope)
        return x_gradient, own[1], own[0], None
