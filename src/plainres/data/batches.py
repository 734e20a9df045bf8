"""Makes batches of normalised images on the device: shuffled, cropped and flipped for training, or in order."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from plainres.data.shares import WHOLE, Share
from plainres.data.splits import AnySplit

PADDING = 4  # pixels on each side, section 4.2 of the paper


class Normalise:
    """Turns uint8 pixels (N, C, H, W) into float32 of mean 0 and deviation 1 a channel over the training split."""

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
    """Yield one epoch in an order drawn from a CPU generator, so that it's the same on every device.

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
    """Yield every image once, in the split's own order; or a process's share of them."""
    own = share.of(torch.arange(len(split)))
    for images, labels in split.batches(own, batch_size) if len(own) else ():
        yield normalise(images), labels


def draw_changes(count: int, generator: torch.Generator) -> Tensor:
    """Draw where each image is cropped, from the top and from the left, and whether it's flipped, (3, count).

    Args:
        generator: on the CPU, so that every device draws the same.
    """
    return torch.stack(
        [
            torch.randint(2 * PADDING + 1, (count,), generator=generator),
            torch.randint(2 * PADDING + 1, (count,), generator=generator),
            torch.randint(2, (count,), generator=generator),
        ]
    )


def crop_and_flip(images: Tensor, changes: Tensor) -> Tensor:
    """Return a crop of each image's size out of the image with 4 pixels of black around it, flipped or not.

    Args:
        images: (N, C, H, W), of any type.
        changes: (3, N), those of `draw_changes`.

    Returns:
        A new tensor of the same shape.
    """
    count, _, height, width = images.shape
    top, left, flipped = changes.to(images.device, non_blocking=True)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(count, width)
    columns = left[:, None] + torch.where(flipped[:, None].bool(), width - 1 - columns, columns)
    padded = pad(images, (PADDING,) * 4)
    which = torch.arange(count, device=images.device)[:, None, None]
    # Indexing (N, H, W) positions of (N, C, H, W) puts the channels last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
