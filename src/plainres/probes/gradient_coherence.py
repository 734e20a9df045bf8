"""Measures whether gradients of nearby inputs, and those of unrelated ones, point one way.

Balduzzi et al. 2017, "The Shattered Gradients Problem".
"""

from collections.abc import Mapping
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from plainres.names import COHERENCE, UNRELATED
from plainres.probes.probe import Batch, blocks_of, check_size, normalised_by

DISTANCE = 0.01  # from an image to its neighbour, as a share of the image's own norm


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the mean cosines, in [-1, 1], of two images' gradients to the input of each block.

    `gradient_coherence`: of an image and a neighbour one per cent away; `unrelated_coherence`: of an image and the next
    of the batch. The first block has most layers above it. Without a shortcut the cosine of unrelated images falls by
    half with each rectifier, as one in four pairs of them lets both pass (section 3, theorem 1).
    """
    check_size(batch)
    images, labels = batch
    blocks = blocks_of(network)
    pairs = {COHERENCE: neighbours(images), UNRELATED: images.roll(1, 0)}
    return {
        prefix + name: value
        for prefix, others in pairs.items()
        for name, value in coherence(network, (images, labels), others, blocks).items()
    }


def neighbours(images: Tensor, distance: float = DISTANCE) -> Tensor:
    """Return images each at a distance from one of these, in a random direction."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)
    share = images.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    moved: Tensor = images + distance * share.view(-1, *[1] * (images.dim() - 1)) * noise
    return moved


def coherence(network: nn.Module, batch: Batch, others: Tensor, modules: Mapping[str, nn.Module]) -> dict[str, float]:
    """Return the mean cosine of each image's gradient and the other's, to the input of each module.

    Both are gradients of the logit of the first one's class. Batch norm keeps the statistics of all these images: were
    they followed, it would take the mean over the batch from the gradients, which is what they have in common.
    """
    images, labels = batch
    inputs: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            inputs[name] = given[0]

        return hook

    with ExitStack() as stack:
        stack.enter_context(normalised_by(network, torch.cat([images, others])))
        for name, module in modules.items():
            stack.enter_context(module.register_forward_pre_hook(keep(name)))  # type: ignore[arg-type]
        stack.enter_context(torch.enable_grad())
        logits = network(torch.cat([images, others]))
        chosen = logits.gather(1, torch.cat([labels, labels])[:, None]).sum()
        gradients = torch.autograd.grad(chosen, list(inputs.values()))
    halves = [gradient.flatten(1).chunk(2) for gradient in gradients]
    cosines = torch.stack([cosine_similarity(here, there).mean() for here, there in halves])
    return dict(zip(inputs, cosines.tolist(), strict=True))
