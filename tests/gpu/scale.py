"""Says what is measured: in the real form, for a GPU, and in a small one, which the CPU does whole in minutes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plainres.settings.values import flag

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Network:
    """Names a residual network, and how it's trained; its throughput is a part with this share of the time."""

    depth: int
    settings: Settings
    share: float = 1


@dataclass(frozen=True)
class Scale:
    """Holds the sizes of all parts.

    Attributes:
        digits: whether scikit-learn's digits stand for CIFAR-10.
        tests: which of those that pytest finds, as its arguments.
        networks: whose training step is timed.
        turn: flags of `experiments.throughput`.
        profiled: names of the networks whose step is profiled.
        counts: how many runs side by side are tried.
        trial_seconds: that each of these trials lasts.
        depths: of section 4.2's networks; the shallowest and the deepest.
        recipe: settings that section 4.2's runs have beside the recipe of CIFAR-10.
        epochs, images: of one of these runs: images that an epoch trains on.
        most_seeds: of these runs.
    """

    digits: bool
    tests: tuple[str, ...]
    networks: Mapping[str, Network]
    turn: Settings
    profiled: tuple[str, ...]
    counts: tuple[int, ...]
    trial_seconds: float
    depths: tuple[int, int]
    recipe: Settings
    epochs: int
    images: int
    most_seeds: int


FULL = Scale(
    digits=False,
    tests=("-m", "cuda", "--dist", "load"),
    networks={
        "three-stage-20": Network(20, {"batch_size": 128}),
        "four-stage-50": Network(50, {"batch_size": 256, "family": "four-stage", "width": 64, "image_size": 64}),
        "three-stage-56": Network(56, {"batch_size": 128}, share=0.5),
    },
    turn={"rounds": 2, "seconds": 1},
    profiled=("three-stage-20", "four-stage-50"),
    counts=(2, 4, 8),
    trial_seconds=2.0,
    depths=(20, 56),
    recipe={},
    epochs=182,
    images=351 * 128,
    most_seeds=6,
)

TINY = {"batch_size": 32, "width": 8}
SMALL = Scale(
    digits=True,
    tests=("-k", "captured or compiled", "-n", "0"),
    networks={
        "three-stage-8": Network(8, TINY),
        "four-stage-18": Network(18, {**TINY, "family": "four-stage", "image_size": 16}),
        "three-stage-14": Network(14, TINY),
    },
    # On two threads a machine of two cores measures no sweep on all cores beside it.
    turn={"rounds": 2, "seconds": 0.05, "threads": 2},
    profiled=("three-stage-8", "four-stage-18"),
    counts=(1, 2),
    trial_seconds=0.05,
    depths=(8, 14),
    recipe={**TINY, "epochs": 1},
    epochs=1,
    images=160,
    most_seeds=2,
)


def flags(settings: Settings) -> list[str]:
    """Write settings as the words of a command line."""
    return [word for name, value in settings.items() for word in (flag(name), str(value))]
