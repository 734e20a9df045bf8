import pytest
import torch

from plainres.data import Split
from plainres.data.batches import Normalise, shuffled_batches
from plainres.data.shares import WHOLE, Share, check_shares, validation_size
from plainres.errors import BadInput
from plainres.sweeps.configure import configure


@pytest.mark.parametrize(
    ("drawn", "share", "own", "images", "held_out"),
    # A tenth of 256, and of 30 exactly, not by a float's last bit; digits' own; a part of MNIST in MNIST's share.
    [(256, 0.1, 5000, 60_000, 26), (30, 0.1, 3, 30, 3), (1437, 0.0, 144, 1437, 144), (600, 0.0, 5000, 60_000, 50)],
)
def test_the_share_of_images_held_out(drawn: int, share: float, own: int, images: int, held_out: int) -> None:
    assert validation_size(drawn, share, own, images) == held_out


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
def test_the_shares_of_each_batch_are_the_batch(augment: str) -> None:
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randint(0, 256, (47, 1, 8, 8), dtype=torch.uint8, generator=generator), torch.arange(47))
    normalise = Normalise(torch.zeros(1), torch.ones(1))

    def epoch(share: Share) -> list[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.Generator().manual_seed(1)
        return list(shuffled_batches(split, 10, normalise, order, augment, keep_last=True, share=share))

    whole, shares = epoch(WHOLE), [epoch(Share(rank, 3)) for rank in range(3)]
    assert [[len(labels) for _, labels in share] for share in shares] == [[4] * 4 + [3], [3] * 4 + [2], [3] * 4 + [2]]
    for (images, labels), *parts in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([part[0] for part in parts]), images)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)


def test_batches_that_processes_cant_share_are_refused() -> None:
    config = configure("plain", 8, batch_size=64, keep_last_batch=True)
    check_shares(config, 64)
    check_shares(config, 13, 1293)  # the last of 1,293 images are 13
    with pytest.raises(BadInput, match="a batch of 64 can't be shared by 65 processes"):
        check_shares(config, 65)
    with pytest.raises(BadInput, match="a batch of 13 can't be shared by 14 processes"):
        check_shares(config, 14, 1293)
    with pytest.raises(BadInput, match="norm shares 4 take as many processes: torchrun --nproc-per-node 4"):
        configure("plain", 8, norm_shares=4)
