import pytest

from plainres.data.split_sizes import validation_size


@pytest.mark.parametrize(
    ("drawn", "share", "own", "images", "held_out"),
    # A tenth of 256, and of 30 exactly, not by a float's last bit; digits' own; a part of MNIST in MNIST's share.
    [(256, 0.1, 5000, 60_000, 26), (30, 0.1, 3, 30, 3), (1437, 0.0, 144, 1437, 144), (600, 0.0, 5000, 60_000, 50)],
)
def test_the_share_of_images_held_out(drawn: int, share: float, own: int, images: int, held_out: int) -> None:
    assert validation_size(drawn, share, own, images) == held_out
