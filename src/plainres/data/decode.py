"""One image file: what its header says, and its pixels."""

from pathlib import Path

import numpy as np
from PIL import Image

from plainres.data.resize import pad_to
from plainres.errors import BadInput

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
GREY_MODES = {"1", "L", "I", "I;16"}

Shape = tuple[int, int, int]


def header_shape(path: Path) -> Shape:
    """Channels (1 where the image is grey, else 3), height and width, from the file's header alone."""
    try:
        with Image.open(path) as image:
            return 1 if image.mode in GREY_MODES else 3, image.height, image.width
    except (OSError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path} can't be decoded as an image") from error


def decode(path: Path, shape: Shape, *, resized: bool) -> np.ndarray:
    """A file's pixels, uint8 of this shape (C, H, W), C = 1 or 3.

    Args:
        path: of the file.
        shape: that the pixels have, or get.
        resized: whether the image is resized to it, aspect ratio kept and the rest black.

    Raises:
        BadInput: the file can't be decoded, or has another shape.
    """
    channels, height, width = shape
    try:
        with Image.open(path) as file:
            image = file.convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path} can't be decoded as an image: {error}") from error
    if resized:
        image = pad_to(image, height)
    if image.size != (width, height):
        raise BadInput(f"{path} has {image.width} x {image.height} pixels where {width} x {height} are expected")
    return np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
