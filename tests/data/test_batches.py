import torch

from plainres.data import Split
from plainres.data.batches import Normalise, crop_and_flip, draw_changes, shuffled_batches


def test_each_image_is_a_crop_of_its_padded_self_or_of_its_mirror_image() -> None:
    images = torch.randint(1, 256, (64, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    changed = crop_and_flip(images, draw_changes(64, torch.Generator().manual_seed(1)))
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    seen = set()
    for image, result in zip(images, changed, strict=True):
        padded = torch.nn.functional.pad(image, (4, 4, 4, 4))
        crops = {
            (top, left, flipped): (crop.flip(-1) if flipped else crop)
            for top in range(9)
            for left in range(9)
            for flipped in (False, True)
            if (crop := padded[:, top : top + 6, left : left + 5]) is not None
        }
        matching = [place for place, crop in crops.items() if torch.equal(crop, result)]
        assert len(matching) == 1
        seen.add(matching[0])
    assert len(seen) > 40  # each image has its own draw
    assert 15 < sum(flipped for *_, flipped in seen) < 45


def test_augmented_batches_depend_on_the_generator_alone() -> None:
    split = Split(torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40))
    normalise = Normalise(torch.zeros(1), torch.ones(1))

    def epoch(seed: int) -> torch.Tensor:
        batches = shuffled_batches(split, 8, normalise, torch.Generator().manual_seed(seed), "crop-flip")
        return torch.cat([images for images, _ in batches])

    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))
