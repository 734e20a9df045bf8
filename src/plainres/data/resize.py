"""Images made to one square size: aspect ratio kept, the rest black."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:  # one file is decoded without torch
    from torch import Tensor


def pad_to(image: Image.Image, size: int) -> Image.Image:
    """The image scaled until it just fits into `size` x `size` pixels (bilinear, antialiased), black around it.

    Each side keeps one pixel at least.
    """
    if 2 * min(image.size) * size <= max(image.size):
        width, height = (size if side == max(image.size) else 1 for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR)


def resize(images: "Tensor", size: int) -> "Tensor":
    """uint8 images (N, C, H, W), C = 1 or 3, as (N, C, size, size)."""
    import torch

    grey = images.shape[1] == 1
    pixels = images.permute(0, 2, 3, 1).numpy()
    resized = np.empty((len(images), size, size, images.shape[1]), np.uint8)
    for number, image in enumerate(pixels):
        padded = pad_to(Image.fromarray(image[:, :, 0] if grey else image), size)
        resized[number] = np.asarray(padded).reshape(size, size, -1)
    return torch.from_numpy(resized).permute(0, 3, 1, 2).contiguous()
