from collections.abc import Callable
from itertools import islice

import pytest

from plainres.settings import RunConfig
from plainres.throughput.loops import bare, conventional, flops_per_image, harness


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
@pytest.mark.parametrize("loop", [harness, bare, conventional])
def test_every_loop_trains_batches_for_ever(
    loop: Callable[[RunConfig], object], augment: str, tiny: Callable[..., RunConfig]
) -> None:
    config = tiny(batch_size=512, augment=augment)
    assert list(islice(loop(config), 5)) == [512] * 5  # type: ignore[call-overload]  # two an epoch


def test_operations_are_those_of_the_layers(tiny: Callable[..., RunConfig]) -> None:
    # Plain 8 of width 8 on 8x8 digits: multiply-adds of the 3x3 convolutions, stage by stage, and of the classifier.
    first = 8 * 8 * 9 * 1 * 8
    others = 2 * 64 * 9 * 8 * 8 + 16 * 9 * (8 * 16 + 16 * 16) + 4 * 9 * (16 * 32 + 32 * 32) + 32 * 10
    # Two operations each; backward as much again for the inputs and for the weights, but not for the images.
    count = 2 * (3 * others + 2 * first)
    assert flops_per_image(tiny(depth=8, width=8)) == (count, count)


def test_products_with_padding_in_images_of_a_pixel_are_left_out(tiny: Callable[..., RunConfig]) -> None:
    ours, torchs = flops_per_image(tiny(depth=18, width=8))
    # The last three of layer4's four convolutions see one pixel, with 64 channels: eight of nine products fall away.
    assert torchs - ours == 2 * 3 * 3 * 8 * 64 * 64
