from collections.abc import Callable
from itertools import islice

import pytest

from experiments._throughput.loops import bare, bare_torch, conventional, flops_per_image, harness
from plainres.settings import RunConfig


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
@pytest.mark.parametrize("loop", [harness, bare, bare_torch, conventional])
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
    left_out = (4 * 9 - 4 * 4) * 32 * 32  # the last convolution sees four pixels, and nine of its kernel's around each
    assert flops_per_image(tiny(depth=8, width=8)) == (count - 2 * 3 * left_out, count)


def test_products_with_padding_in_images_of_two_pixels_and_one_are_left_out(tiny: Callable[..., RunConfig]) -> None:
    ours, torchs = flops_per_image(tiny(depth=18, width=8))
    # Three convolutions of layer3 see 2 x 2 pixels, with 32 channels, and give as many; the first of layer4 sees them
    # and gives one; its others see that one, with 64 channels.
    left_out = 3 * (4 * 9 - 4 * 4) * 32 * 32 + (9 - 4) * 32 * 64 + 3 * (9 - 1) * 64 * 64
    assert torchs - ours == 2 * 3 * left_out
