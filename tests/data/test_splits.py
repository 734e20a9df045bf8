import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from plainres.data import ImageDataset, Split, load_dataset
from plainres.data.batches import Normalise, ordered_batches, shuffled_batches
from plainres.data.splits import carve, index_hash, stratified
from plainres.errors import BadInput


@pytest.fixture(scope="module")
def digits() -> ImageDataset:
    return load_dataset("digits")


def test_the_splits_of_digits_share_out_every_image_once(digits: ImageDataset) -> None:
    assert digits.sizes == {"train": 1293, "validation": 144, "test": 360}
    images = torch.cat([digits.train.images, digits.validation.images, digits.test.images])
    ours = sorted(image.flatten().tolist() for image in images)
    assert ours == sorted(load_digits().data.astype(int).tolist())


def test_each_class_has_its_share_of_each_split(digits: ImageDataset) -> None:
    whole = np.bincount(load_digits().target) / 1797
    for split in (digits.train, digits.validation, digits.test):
        assert np.abs(np.bincount(split.labels) / len(split) - whole).max() < 0.01


def test_images_keep_their_labels(digits: ImageDataset) -> None:
    source = load_digits()
    label_of = {
        image.astype(np.uint8).tobytes(): label for image, label in zip(source.images, source.target, strict=True)
    }
    pairs = zip(digits.test.images, digits.test.labels, strict=True)
    assert all(label_of[image.numpy().tobytes()] == label for image, label in pairs)


def test_splits_are_the_same_in_every_process(digits: ImageDataset) -> None:
    labels = load_digits().target
    stay, taken = carve(labels, 360, "test")
    again, taken_again = carve(labels, 360, "test")
    assert np.array_equal(stay, again)
    assert np.array_equal(taken, taken_again)
    assert index_hash(taken) == index_hash(taken_again) != index_hash(stay)
    assert digits.validation_hash == "292becf10e12e92c"  # as first drawn; another value is another split


def test_a_draw_that_would_leave_a_class_untrained_is_refused() -> None:
    labels = np.repeat([0, 1, 2], [5000, 5000, 20])
    with pytest.raises(BadInput, match=r"200 of 10020 images leave a class without any.*: see --train-images"):
        carve(labels, 200, "training")
    assert set(labels[carve(labels, 2000, "training")[1]]) == {0, 1, 2}
    assert set(labels[carve(labels, 200, "validation")[0]]) == {0, 1, 2}
    assert set(labels[carve(labels, 200, "test")[1]]) == {0, 1}


def test_channel_statistics_are_those_of_the_training_images() -> None:
    images = torch.randint(0, 256, (50, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train, other = Split(images, torch.zeros(50)), Split(images[:1] * 0, torch.zeros(1))
    mean, deviation = ImageDataset("noise", 2, train, other, other, "", ("a", "b")).channel_statistics()
    np.testing.assert_allclose(mean, images.numpy().mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(deviation, images.numpy().std((0, 2, 3)), rtol=1e-6)


def test_normalised_training_images_have_mean_0_and_deviation_1(digits: ImageDataset) -> None:
    batches = list(ordered_batches(digits.train, 500, Normalise(*digits.channel_statistics())))
    images = torch.cat([images for images, _ in batches])
    assert [len(labels) for _, labels in batches] == [500, 500, 293]
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std().item() == pytest.approx(1, abs=1e-4)
    assert torch.equal(torch.cat([labels for _, labels in batches]), digits.train.labels)


def test_an_epoch_shows_each_image_at_most_once_and_leaves_out_only_the_rest() -> None:
    split = Split(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10))
    normalise = Normalise(torch.zeros(1), torch.ones(1))
    epochs = torch.Generator().manual_seed(0)
    first, second = ([labels.tolist() for _, labels in shuffled_batches(split, 4, normalise, epochs)] for _ in range(2))
    for epoch in (first, second):
        assert [len(batch) for batch in epoch] == [4, 4]
        assert len({label for batch in epoch for label in batch}) == 8
    assert first != second
    again = shuffled_batches(split, 4, normalise, torch.Generator().manual_seed(0))
    assert [labels.tolist() for _, labels in again] == first


@pytest.mark.parametrize("seed", range(40))
def test_the_draw_is_scikit_learns(seed: int) -> None:
    draws = np.random.default_rng(seed)
    classes, images = int(draws.integers(2, 12)), int(draws.integers(60, 3000))
    labels = np.concatenate([np.repeat(np.arange(classes), 2), draws.integers(0, classes, images) ** 2 // classes])
    draws.shuffle(labels)
    count = int(draws.integers(classes, len(labels) - classes + 1))
    stay, taken = train_test_split(np.arange(len(labels)), test_size=count, stratify=labels, random_state=seed)
    ours = stratified(labels, count, seed)
    assert np.array_equal(ours[0], np.sort(stay))
    assert np.array_equal(ours[1], np.sort(taken))


def test_classes_of_equal_size_share_what_rounding_leaves() -> None:
    stay, taken = stratified(np.repeat(np.arange(10), 30), 104, 0)
    in_class = np.bincount(taken // 30)
    assert sorted(in_class) == [10] * 6 + [11] * 4
    assert sorted([*stay, *taken]) == list(range(300))
