"""Reads one image file: its header, and its pixels, whatever Pillow opens it as. docs/images.md has the table."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from plainres.data.notices import shown
from plainres.errors import BadInput

warnings.filterwarnings("ignore", module=r"PIL\.")  # of tags that don't matter; what does is raised
Image.init()
# Those of which Pillow reads the header alone, or whose pixels another program has to draw.
UNREADABLE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
FORMATS = tuple(name for name in Image.OPEN if name not in UNREADABLE)
EXTENSIONS = frozenset(end for end, name in Image.registered_extensions().items() if name in FORMATS)
# Stands for the pixels that a file comes to: raise it with every change of what is below.
RULES = f"2 with Pillow {PIL.__version__}"

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
# Pillow scales these PNGs' pixels to 8 bits, but not the one colour that they declare transparent.
TRANSPARENT_COLOUR: dict[object, Callable[[Any], Any]] = {
    "L;2": lambda grey: grey * 85,
    "L;4": lambda grey: grey * 17,
    "RGB;16B": lambda colour: tuple(value >> 8 for value in colour),
}
WHITE_16 = 65535
WHITE_IS_ZERO = 0  # of TIFF's PhotometricInterpretation
TRANSPOSED = range(5, 9)  # EXIF's orientations that exchange width and height

Shape = tuple[int, int, int]


def header_shape(path: Path) -> Shape:
    """Return channels (1 if the image is grey, else 3), height and width as it's seen upright; raises as `decode`.

    Of most files the header alone is read.
    """
    with _opened(path) as file:
        grey = file.mode in GREY_MODES or "LA;16B" in _raw_modes(file)
        if file.width != file.height:
            if file.format == "TIFF":  # Pillow turns it while it reads the pixels
                file.load()
            elif file.getexif().get(Base.Orientation) in TRANSPOSED:
                return 1 if grey else 3, file.width, file.height
        return 1 if grey else 3, file.height, file.width


def decode(path: Path, shape: Shape, *, resized: bool) -> np.ndarray:
    """Return a file's pixels, uint8 of this shape (C, H, W), C = 1 or 3.

    The first frame, upright as EXIF says, transparent pixels on white, 16 bits scaled to 8.

    Args:
        path: of the file.
        shape: that the pixels have, or get.
        resized: whether the image is resized to it, aspect ratio kept and the rest black.

    Raises:
        BadInput: the file can't be decoded, has values of no known range, or has another shape.
    """
    channels, height, width = shape
    with _opened(path) as file:
        for raw in _raw_modes(file) & TRANSPARENT_COLOUR.keys() if "transparency" in file.info else ():
            file.info["transparency"] = TRANSPARENT_COLOUR[raw](file.info["transparency"])
        ImageOps.exif_transpose(file, in_place=True)
        image = flat(file).convert("L" if channels == 1 else "RGB")
    if resized:
        image = pad_to(image, height)
    if image.size != (width, height):
        raise BadInput(f"{shown(path)} has {image.width} x {image.height} pixels where {width} x {height} are expected")
    return np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)


def flat(image: Image.Image) -> Image.Image:
    """Return the image with 8 bits a channel and no transparency, of mode L or RGB, or one that converts to both."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_scaled(image))
    if image.mode == "LAB":  # which has no way to L
        return image.convert("RGB")
    if not image.has_transparency_data:
        return image
    on_white = Image.new("RGBA", image.size, "white")
    on_white.alpha_composite(image.convert(PREMULTIPLIED.get(image.mode, image.mode)).convert("RGBA"))
    return on_white.convert("RGB")


def pad_to(image: Image.Image, size: int) -> Image.Image:
    """Scale the image until it just fits into `size` x `size` pixels (bilinear, antialiased), black around it.

    Each side keeps one pixel at least.
    """
    if 2 * min(image.size) * size <= max(image.size):
        width, height = (size if side == max(image.size) else 1 for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file as Pillow's image; whatever a damaged file leads Pillow into is one line."""
    try:
        # Given a path, Pillow 13 maps a TIFF that has to be turned into memory with its width and height exchanged.
        with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as file:
            yield file
    except (BadInput, MemoryError):
        raise
    except _UnknownRange as error:
        raise BadInput(f"{shown(path)} {error}; save it with 8 or 16 bits a channel") from None
    except Exception as error:
        why = " ".join(shown(str(error)).split()) or type(error).__name__
        raise BadInput(f"{shown(path)} can't be decoded as an image: {why}") from error


class _UnknownRange(Exception):
    """The file's numbers don't say which of them is white."""


def _scaled(image: Image.Image) -> np.ndarray:
    """Grey values of more than 8 bits as uint8: v * 255 / white, rounded, which is v / 257 for 16 bits."""
    white = _white(image)
    values = np.asarray(image).astype(np.uint32)
    grey = (values * 255 + white // 2) // white
    if image.format == "TIFF" and image.tag_v2.get(262) == WHITE_IS_ZERO:  # type: ignore[attr-defined]
        grey = 255 - grey  # which Pillow does for 8 bits only
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 255
    return grey.astype(np.uint8)


def _white(image: Image.Image) -> int:
    """The value that stands for white in an image of mode I, I;16 or F."""
    if image.format == "TIFF" and image.mode.startswith("I;16"):
        bits: int = image.tag_v2.get(258, (16,))[0]  # type: ignore[attr-defined]
        return int(2**bits - 1)
    # Pillow opens 16-bit PGM, and older ones PNG, as I; it scales PGM's and JPEG 2000's own range to 16 bits.
    if image.format in ("PNG", "PPM", "JPEG2000") and image.mode != "F":
        return WHITE_16
    what = "floating-point numbers" if image.mode == "F" else "integers"
    raise _UnknownRange(f"holds {what} (Pillow's mode {image.mode}) that don't say which value is white")


def _raw_modes(image: Image.Image) -> set[object]:
    """How the values lie in a file whose pixels aren't read yet."""
    return {tile[3] for tile in image.tile if isinstance(tile[3], str)}  # type: ignore[attr-defined]
