"""Drawing images so that each class keeps its share, alike in every version of any library."""

import numpy as np


def stratified(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images that stay and of `count` that are taken, ascending.

    The draw is that of scikit-learn's `train_test_split(stratify=labels, random_state=seed)`, whose import takes a
    second in each process.

    Args:
        labels: (N,); each class has two images at least.
        count: at least as many as there are classes, and at most as many less than N.
        seed: of the draw.
    """
    draws = np.random.RandomState(seed)
    class_of, in_class = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    members = np.split(np.argsort(class_of, kind="stable"), np.cumsum(in_class)[:-1])
    staying = _shares(in_class, len(labels) - count, draws)
    taken = _shares(in_class - staying, count, draws)
    shuffled = [of_class[draws.permutation(len(of_class))] for of_class in members]
    stay = [of_class[:kept] for of_class, kept in zip(shuffled, staying, strict=True)]
    take = [of_class[kept : kept + out] for of_class, kept, out in zip(shuffled, staying, taken, strict=True)]
    return np.sort(np.concatenate(stay)), np.sort(np.concatenate(take))


def _shares(in_class: np.ndarray, count: int, draws: np.random.RandomState) -> np.ndarray:
    """How many images each class gives of so many; what rounding leaves goes to the largest remainders, ties drawn."""
    exact = in_class / in_class.sum() * count
    shares: np.ndarray = np.floor(exact).astype(int)
    remainders = exact - shares
    left = count - int(shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if left == 0:
            break
        (alike,) = np.where(remainders == remainder)
        chosen = draws.choice(alike, size=min(len(alike), left), replace=False)
        shares[chosen] += 1
        left -= len(chosen)
    return shares
