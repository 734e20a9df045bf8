"""A data set's recipe: the configuration that its runs take where no flag says otherwise, and what it consists of."""

from dataclasses import dataclass, replace

from plainres.networks.architecture import check_choice


@dataclass(frozen=True)
class Recipe:
    """Default configuration of one data set's runs."""

    training_images: int | None
    """Images left for training after the validation split; None where only the files tell."""
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
    needs_files: bool = True
    """Whether it lies in files that may be missing or damaged."""
    validation_images: int | None = None
    """Images of the training files that are held out; None where only the files tell, as for those below."""
    test_images: int | None = None
    image_shape: tuple[int, int, int] | None = None
    """Channels, height and width."""
    num_classes: int | None = None


# Section 4.2 of the paper: 64k iterations, 182 epochs of 351 steps on 45k images, divided by ten at 32k and 48k.
CIFAR = Recipe(
    training_images=45_000,
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
    validation_images=5_000,
    test_images=10_000,
    image_shape=(3, 32, 32),
    num_classes=10,
)
# CIFAR's, without the augmentation and with a shorter schedule: digits and clothes are learnt sooner.
MNIST = replace(CIFAR, training_images=55_000, epochs=10, schedule="cosine", augment="none", image_shape=(1, 28, 28))

RECIPES = {
    # Nine epochs are the fewest tried (6 and 9) in which every residual net fits its training images; at lr 0.1 the
    # residual 50 fails as well.
    "digits": Recipe(
        training_images=1293,
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
        needs_files=False,
        validation_images=144,
        test_images=360,
        image_shape=(1, 8, 8),
        num_classes=10,
    ),
    "mnist": MNIST,
    "fashion-mnist": MNIST,
    "cifar10": CIFAR,
    "cifar100": replace(CIFAR, num_classes=100),
    # ImageNet's of section 3.4, with the paper's first stem.
    "imagefolder": replace(
        CIFAR,
        training_images=None,
        epochs=90,
        batch_size=256,
        stem="imagenet",
        augment="none",
        validation_images=None,
        test_images=None,
        image_shape=None,
        num_classes=None,
    ),
}


def recipe_of(dataset: str) -> Recipe:
    """The recipe of a data set.

    Raises:
        BadInput: no data set has this name.
    """
    check_choice("data set", dataset, tuple(RECIPES))
    return RECIPES[dataset]
