"""Batches of normalised images, made on the device."""

from collections.abc import Iterator

import torch
from torch import Tensor

from plainres.data.augment import crop_and_flip, draw_changes
from plainres.data.share import WHOLE, Share
from plainres.data.splits import AnySplit


class Normalise:
    """uint8 pixels (N, C, H, W) to float32 of mean 0 and deviation 1 a channel over the training split."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        # A channel that never varies is only shifted.
        self.scale = (1 / torch.where(deviation > 0, deviation, 1)).view(-1, 1, 1)
        self.shift = (-mean).view(-1, 1, 1) * self.scale

    def __call__(self, images: Tensor) -> Tensor:
        normalised = torch.addcmul(self.shift, images.float(), self.scale)
        return normalised.contiguous(memory_format=torch.channels_last)


def shuffled_batches(
    split: AnySplit,
    batch_size: int,
    normalise: Normalise,
    generator: torch.Generator,
    augment: str = "none",
    *,
    keep_last: bool = False,
    share: Share = WHOLE,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in an order drawn from a CPU generator, so that it's the same on every device.

    The last images that don't fill a batch are left out of this epoch unless `keep_last`: a batch of one can't be
    normalised. Order and changes are drawn for all processes alike, and each gets its share of every batch.
    """
    rest = 0 if keep_last else len(split) % batch_size
    order = torch.randperm(len(split), generator=generator)[: len(split) - rest]
    chunks = torch.split(order, batch_size)
    shares = [share.of(chunk) for chunk in chunks]
    batches = split.batches(torch.cat(shares), len(shares[0]))
    for chunk, (images, labels) in zip(chunks, batches, strict=True):
        if augment == "crop-flip":
            images = crop_and_flip(images, share.of(draw_changes(len(chunk), generator), dim=1))
        yield normalise(images), labels


def ordered_batches(
    split: AnySplit, batch_size: int, normalise: Normalise, share: Share = WHOLE
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image once, in the split's own order; or a process's share of them."""
    own = share.of(torch.arange(len(split)))
    for images, labels in split.batches(own, batch_size) if len(own) else ():
        yield normalise(images), labels
