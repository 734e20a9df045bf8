import numpy as np
import pytest
import torch
from PIL import Image

from plainres.data.resize import pad_to, resize


def test_images_of_a_square_are_scaled_as_pillow_scales_them() -> None:
    images = torch.randint(0, 256, (5, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for size in (5, 9, 30):
        resized = resize(images, size)
        assert resized.dtype == torch.uint8
        expected = [
            np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
            for image in images.permute(0, 2, 3, 1).numpy()
        ]
        assert np.array_equal(resized.permute(0, 2, 3, 1), np.stack(expected))
    assert torch.equal(resize(images, 9), images)


def test_the_aspect_ratio_is_kept_and_the_rest_is_black() -> None:
    white = torch.full((1, 1, 4, 8), 255, dtype=torch.uint8)
    (image,) = resize(white, 16)[0]
    assert torch.equal(image[4:12], torch.full((8, 16), 255, dtype=torch.uint8))
    assert not image[:4].any()
    assert not image[12:].any()


@pytest.mark.parametrize("shape", [(1200, 5), (5, 1200), (2000, 1)])
def test_a_sliver_keeps_a_row_or_a_column(shape: tuple[int, int]) -> None:
    padded = np.asarray(pad_to(Image.new("L", shape, 255), 64))
    across = padded.any(axis=0).sum(), padded.any(axis=1).sum()
    assert across == ((64, 1) if shape[0] > shape[1] else (1, 64))
    assert padded.max() == 255
