"""Measures whether gradients of nearby inputs point one way.

Balduzzi et al. 2017, "The Shattered Gradients Problem".
"""

from collections.abc import Mapping
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from plainres.names import COHERENCE
from plainres.probes.probe import Batch, blocks_of, check_size, undisturbed

DISTANCE = 0.01  # from an image to its neighbour, as a share of the image's own norm


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the mean cosine of an image's and its neighbour's gradient to the input of each block, in [-1, 1].

    In training mode; the gradients are those of the logit of the image's class. The first block has most layers above
    it: without a shortcut the cosine falls by half with each rectifier, with one by less (sections 2 and 3).
    """
    check_size(batch)
    cosines = coherence(network, batch, blocks_of(network))
    return {COHERENCE + name: value for name, value in cosines.items()}


def coherence(
    network: nn.Module, batch: Batch, modules: Mapping[str, nn.Module], distance: float = DISTANCE
) -> dict[str, float]:
    """Return the same as `measure`, with respect to the inputs of these modules, for neighbours at a distance."""
    images, labels = batch
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)
    share = images.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    neighbours = images + distance * share.view(-1, *[1] * (images.dim() - 1)) * noise
    inputs: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            inputs[name] = given[0]

        return hook

    with ExitStack() as stack:
        for name, module in modules.items():
            stack.enter_context(module.register_forward_pre_hook(keep(name)))  # type: ignore[arg-type]
        stack.enter_context(undisturbed(network, training=True))
        stack.enter_context(torch.enable_grad())
        logits = network(torch.cat([images, neighbours]))
        chosen = logits.gather(1, torch.cat([labels, labels])[:, None]).sum()
        gradients = torch.autograd.grad(chosen, list(inputs.values()))
    halves = [gradient.flatten(1).chunk(2) for gradient in gradients]
    cosines = torch.stack([cosine_similarity(here, there).mean() for here, there in halves])
    return dict(zip(inputs, cosines.tolist(), strict=True))
