import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainres.data.decode import decode, flat, header_shape
from plainres.errors import BadInput

RNG = np.random.default_rng(0)


def png(
    path: Path, bits: int, kind: int, row: Sequence[int], transparent: Sequence[int] = (), chunk: bytes = b""
) -> None:
    """A PNG of one row of samples as the standard has it; kind 0 is grey, 2 colour, 4 grey with alpha."""

    def part(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    width = len(row) // {0: 1, 2: 3, 4: 2}[kind]
    digits = "".join(f"{sample:0{bits}b}" for sample in row)
    packed = int(digits.ljust(-len(digits) % 8 + len(digits), "0"), 2).to_bytes((len(digits) + 7) // 8, "big")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", struct.pack(">2I5B", width, 1, bits, kind, 0, 0, 0))
        + (part(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)) if transparent else b"")
        + (part(b"zTXt", chunk) if chunk else b"")
        + part(b"IDAT", zlib.compress(b"\0" + packed))
        + part(b"IEND", b"")
    )


def tiff(path: Path, bits: int, row: Sequence[int], photometric: int = 1) -> None:
    """A little-endian, grey TIFF of one row; photometric 1 says that 0 is black, 0 that it's white."""
    if bits == 12:
        data = int("".join(f"{value:012b}" for value in row), 2).to_bytes(len(row) * 12 // 8, "big")
    else:
        data = np.array(row, "<u2").tobytes()
    tags = [(256, len(row)), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, 1)]
    tags.append((279, len(data)))
    start = 8 + len(data) + len(data) % 2
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags)
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, start)
        + data.ljust(start - 8, b"\0")
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


def pillow(mode: str, row: Sequence[object], palette: Sequence[int] = (), **options: object) -> Callable[[Path], None]:
    """Saves one row of pixels by Pillow."""

    def save(path: Path) -> None:
        image = Image.new(mode, (len(row), 1))
        if palette:
            image.putpalette(palette)
        image.putdata(row)
        image.save(path, **options)  # type: ignore[arg-type]

    return save


# What is stored, the file's ending, and the pixels that it becomes. Half transparent 100 on white: (100 * 128 + 255 *
# 127) / 255 = 177. Of 16 bits, v / 257 rounded: 385 is 1.498, 386 is 1.502, 32768 is 127.502.
BITS_16 = [0, 385, 386, 1799, 32768, 65535]
GREY_16 = [0, 1, 2, 7, 128, 255]
RED = (255, 0, 0)
ROWS: dict[str, tuple[Callable[[Path], None], str, list[object]]] = {
    "1": (pillow("1", [0, 255]), "png", [0, 255]),
    "1, of PBM": (pillow("1", [0, 255]), "pbm", [0, 255]),
    "1, 0 transparent": (lambda path: png(path, 1, 0, [0, 1], [0]), "png", [255, 255]),
    "L": (pillow("L", [0, 7, 255]), "png", [0, 7, 255]),
    "L, 7 transparent": (lambda path: png(path, 8, 0, [0, 7, 119], [7]), "png", [0, 255, 119]),
    "L of 4 bits, 7 transparent": (lambda path: png(path, 4, 0, [0, 7, 15], [7]), "png", [0, 255, 255]),
    "L of 2 bits, 1 transparent": (lambda path: png(path, 2, 0, [0, 1, 2], [1]), "png", [0, 255, 170]),
    "LA": (pillow("LA", [(100, 255), (100, 128), (100, 0)]), "png", [100, 177, 255]),
    "LA of 16 bits": (lambda path: png(path, 16, 4, [25600, 65535, 25600, 0]), "png", [100, 255]),
    "PA": (pillow("PA", [(0, 255), (0, 0)], [255, 0, 0] * 256), "tif", [RED, (255, 255, 255)]),
    "P": (pillow("P", [0, 1], [255, 0, 0, 1, 2, 3]), "gif", [RED, (1, 2, 3)]),
    "P, 1 transparent": (pillow("P", [0, 1], [255, 0, 0, 1, 2, 3], transparency=1), "gif", [RED, (255, 255, 255)]),
    "P, each with an alpha": (
        pillow("P", [0, 1], [255, 0, 0, 100, 100, 100], transparency=b"\xff\x80"),
        "png",
        [RED, (177, 177, 177)],
    ),
    "RGB": (pillow("RGB", [(1, 2, 3)]), "png", [(1, 2, 3)]),
    "RGB, one colour transparent": (
        lambda path: png(path, 8, 2, [1, 2, 3, 4, 5, 6], [1, 2, 3]),
        "png",
        [(255, 255, 255), (4, 5, 6)],
    ),
    "RGB of 16 bits, one colour transparent": (
        lambda path: png(path, 16, 2, [256, 512, 768, 1024, 1280, 1536], [256, 512, 768]),
        "png",
        [(255, 255, 255), (4, 5, 6)],
    ),
    "RGBA": (pillow("RGBA", [(1, 2, 3, 255), (0, 0, 0, 0), (100, 0, 255, 128)]), "png",
             [(1, 2, 3), (255, 255, 255), (177, 127, 255)]),
    "RGBX": (pillow("RGBX", [(1, 2, 3, 0)]), "tif", [(1, 2, 3)]),
    "CMYK": (pillow("CMYK", [(0, 255, 255, 0), (0, 0, 0, 255)]), "tif", [RED, (0, 0, 0)]),
    "YCbCr": (pillow("YCbCr", [(76, 85, 255), (128, 128, 128)]), "tif", [(254, 0, 0), (128, 128, 128)]),
    "I;16 of PNG": (lambda path: png(path, 16, 0, BITS_16), "png", GREY_16),
    "I;16 of PNG, 7 of 255 transparent": (lambda path: png(path, 16, 0, [1799, 1798], [1799]), "png", [255, 7]),
    "I;16 of TIFF": (lambda path: tiff(path, 16, BITS_16), "tif", GREY_16),
    "I;16 of TIFF, 0 is white": (lambda path: tiff(path, 16, BITS_16, 0), "tif", [255 - v for v in GREY_16]),
    "I;16 of TIFF with 12 bits": (lambda path: tiff(path, 12, [0, 2048, 16, 4095]), "tif", [0, 128, 1, 255]),
    "I;16B of TIFF": (pillow("I;16B", BITS_16), "tiff", GREY_16),
    "I;16 of JPEG 2000": (pillow("I;16", BITS_16), "jp2", GREY_16),
    "I of PGM with 65535 levels": (
        lambda path: path.write_bytes(b"P5 6 1 65535\n" + np.array(BITS_16, ">u2").tobytes()), "pgm", GREY_16,
    ),
    "I of PGM with 1000 levels": (
        lambda path: path.write_bytes(b"P5 2 1 1000\n" + np.array([500, 1000], ">u2").tobytes()), "pgm", [128, 255],
    ),
    "a first frame": (
        lambda path: Image.new("L", (1, 1), 9).save(path, save_all=True, append_images=[Image.new("L", (1, 1), 99)]),
        "tif",
        [9],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_each_mode_becomes_eight_bits_on_white(name: str, tmp_path: Path) -> None:
    make, ending, pixels = ROWS[name]
    path = tmp_path / f"image.{ending}"
    make(path)
    expected = np.array(pixels, np.uint8).reshape(1, len(pixels), -1)
    shape = header_shape(path)
    assert shape == (expected.shape[2], 1, len(pixels))
    assert decode(path, shape, resized=False).transpose(1, 2, 0).tolist() == expected.tolist()
    grey_as_colour = np.broadcast_to(expected, (1, len(pixels), 3))
    assert decode(path, (3, *shape[1:]), resized=False).transpose(1, 2, 0).tolist() == grey_as_colour.tolist()


@pytest.mark.parametrize(
    ("mode", "pixel", "colour"),
    # Of modes that no file is opened as: HSV's red; grey and colour whose 100 is already multiplied by half an alpha.
    [("HSV", (0, 255, 255), RED), ("La", (50, 128), (177,) * 3), ("RGBa", (50, 0, 128, 128), (177, 127, 255))],
)
def test_modes_that_only_programs_make_are_read_as_well(
    mode: str, pixel: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    assert flat(Image.new(mode, (1, 1), pixel)).convert("RGB").getpixel((0, 0)) == colour


def test_lab_is_converted_by_its_colours(tmp_path: Path) -> None:
    # sRGB's red for the white point D50 is L 54.29, a 80.81, b 69.89 (Lindbloom); stored as L * 2.55, a and b + 128.
    pillow("LAB", [(138, 209, 198)])(tmp_path / "red.tif")
    red = decode(tmp_path / "red.tif", (3, 1, 1), resized=False).ravel().tolist()
    assert red == pytest.approx(RED, abs=6)
    grey = decode(tmp_path / "red.tif", (1, 1, 1), resized=False).item()
    assert grey == pytest.approx(76, abs=2)  # 0.299 of red


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (pillow("F", [0.5]), "holds floating-point numbers"),
        (pillow("I", [40000]), r"holds integers \(Pillow's mode I\)"),
    ],
)
def test_values_of_no_known_range_are_refused(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    make(tmp_path / "image.tif")
    with pytest.raises(BadInput, match=rf"image\.tif {words}.* save it with 8 or 16 bits"):
        decode(tmp_path / "image.tif", header_shape(tmp_path / "image.tif"), resized=False)


# EXIF's orientations: what has to be done to see the stored pixels upright.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda pixels: np.rot90(pixels, -1),  # clockwise
    7: lambda pixels: np.rot90(np.transpose(pixels), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("size", [(3, 2), (2, 2)])
def test_images_stand_upright(orientation: int, ending: str, size: tuple[int, int], tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, size, dtype=np.uint8)
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(pixels).save(tmp_path / f"image.{ending}", exif=exif)
    upright = UPRIGHT[orientation](pixels)
    shape = header_shape(tmp_path / f"image.{ending}")
    assert shape == (1, *upright.shape)
    assert np.array_equal(decode(tmp_path / f"image.{ending}", shape, resized=False)[0], upright)


def test_a_photo_of_a_phone_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255  # the left half becomes the upper one
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif)
    assert header_shape(tmp_path / "photo.jpg") == (3, 32, 16)
    upright = decode(tmp_path / "photo.jpg", (3, 32, 16), resized=False)
    assert (upright[:, :16] > 250).all()
    assert (upright[:, 16:] < 5).all()
    resized = decode(tmp_path / "photo.jpg", (3, 16, 16), resized=True)
    assert (resized[:, :, :4] == 0).all()  # black beside what stands


@pytest.mark.parametrize("name", ["image.png", "line\nfeed.png", b"\xff.png".decode(errors="surrogateescape")])
def test_a_png_with_too_much_text_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    png(tmp_path / name, 8, 0, [1], chunk=b"note\0\0" + zlib.compress(bytes(2**21)))
    with pytest.raises(BadInput, match=r"\.png can't be decoded as an image: .*MAX_TEXT_CHUNK") as refusal:
        header_shape(tmp_path / name)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).encode()  # valid UTF-8


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "ending", ["png", "gif", "bmp", "tif", "jpg", "webp", "ppm", "ico", "pcx", "tga", "dds", "jp2"]
)
def test_whatever_a_damaged_file_leads_pillow_into_is_one_line(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"image.{ending}"
    Image.fromarray(RNG.integers(0, 256, (16, 20, 3), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    refusals = []
    for _ in range(60):
        content = bytearray(whole)
        for place in RNG.integers(0, min(len(whole), 120), 3):  # most of it in the header
            content[place] = RNG.integers(256)
        path.write_bytes(content[: int(RNG.integers(1, len(whole) + 1))] if RNG.integers(2) else content)
        try:
            decode(path, header_shape(path), resized=False)
        except BadInput as error:
            refusals.append(str(error))
    assert len(refusals) > 5
    assert all(refusal.startswith(str(path)) and "\n" not in refusal for refusal in refusals)


def test_a_file_that_another_program_would_draw_is_not_opened(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "image.eps")
    (tmp_path / "image.eps").rename(tmp_path / "image.png")
    with pytest.raises(BadInput, match=r"image\.png can't be decoded as an image: cannot identify"):
        header_shape(tmp_path / "image.png")
