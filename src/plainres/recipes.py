"""A data set's recipe: the configuration that its runs take where no flag says otherwise."""

from dataclasses import dataclass, replace

from plainres.networks.architecture import check_choice


@dataclass(frozen=True)
class Recipe:
    """Default configuration of one data set's runs."""

    epochs: int
    batch_size: int
    lr: float
    """Peak learning rate."""
    momentum: float
    weight_decay: float
    schedule: str
    warmup_epochs: int
    width: int | None
    """Channels of the first stage; None for the paper's, 64 (four-stage) or 16 (three-stage)."""
    stem: str
    augment: str
    """`none`, or `crop-flip`: a random crop after 4 pixels of padding and a random flip."""


# Section 4.2 of the paper: 64k iterations, 182 epochs of 351 steps on 45k images, divided by ten at 32k and 48k.
CIFAR = Recipe(
    epochs=182,
    batch_size=128,
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="step",
    warmup_epochs=0,
    width=None,
    stem="small",
    augment="crop-flip",
)
# CIFAR's, without the augmentation and with a shorter schedule: digits and clothes are learnt sooner.
MNIST = replace(CIFAR, epochs=10, schedule="cosine", augment="none")

RECIPES = {
    # Nine epochs are the fewest tried (6 and 9) in which every residual net fits its training images; at lr 0.1 the
    # residual 50 fails as well.
    "digits": Recipe(
        epochs=9,
        batch_size=64,
        lr=0.02,
        momentum=0.9,
        weight_decay=1e-4,
        schedule="cosine",
        warmup_epochs=0,
        width=16,
        stem="small",
        augment="none",
    ),
    "mnist": MNIST,
    "fashion-mnist": MNIST,
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    # ImageNet's of section 3.4, with the paper's first stem.
    "imagefolder": replace(CIFAR, epochs=90, batch_size=256, stem="imagenet", augment="none"),
}


def recipe_of(dataset: str) -> Recipe:
    """The recipe of a data set.

    Raises:
        BadInput: no data set has this name.
    """
    check_choice("data set", dataset, tuple(RECIPES))
    return RECIPES[dataset]
