import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from plainres.data.stratified import stratified


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
