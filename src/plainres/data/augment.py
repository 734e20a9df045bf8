"""Random crops and flips, drawn from a generator on the CPU and batched on the device."""

import torch
from torch import Tensor
from torch.nn.functional import pad

PADDING = 4  # pixels on each side, section 4.2 of the paper


def draw_changes(count: int, generator: torch.Generator) -> Tensor:
    """For so many images where each is cropped, from the top and from the left, and whether it's flipped, (3, count).

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
    """A crop of each image's size out of the image with 4 pixels of black around it, flipped or not.

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
