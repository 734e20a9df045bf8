"""Shows what a network takes each test image for: a table, the confusion matrix, and a picture of some images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix
from torch import Tensor

from plainres.data import AnySplit
from plainres.screen.figure_style import CHARACTER, COLOURS, plain_style

RIGHT, WRONG = COLOURS[:2]
ROWS, COLUMNS = 3, 8  # of the picture
SMALLEST = 3.6  # inches, which the title takes
MOST_COUNTED = 20  # classes, up to which the matrix has room for numbers


def prediction_table(labels: Tensor, probabilities: Tensor, class_names: Sequence[str]) -> pd.DataFrame:
    """List each image's `true` and `predicted` class, by name, and the `probability` that the network gives the latter.

    Args:
        labels: (N,).
        probabilities: (N, classes), as from `plainres.training.Trainer.predict`.
        class_names: of all classes, in the order of the labels.
    """
    names = np.array(class_names)
    probability, predicted = probabilities.max(1)
    return pd.DataFrame({"true": names[labels], "predicted": names[predicted], "probability": probability})


def draw_confusion(table: pd.DataFrame, class_names: Sequence[str]) -> Figure:
    """How many images of each class (rows) were taken for which (columns)."""
    matrix = confusion_matrix(table["true"], table["predicted"], labels=list(class_names))
    with plain_style():
        return _matrix_figure(matrix, class_names)


def draw_predictions(split: AnySplit, table: pd.DataFrame) -> Figure:
    """Test images, evenly spaced over the split, under what the network takes them for; the truth where it errs.

    Args:
        split: the test images.
        table: their predictions, as from `prediction_table`.
    """
    chosen = np.linspace(0, len(table) - 1, min(len(table), ROWS * COLUMNS)).round().astype(int)
    with plain_style():
        figure = Figure(figsize=(1.25 * COLUMNS, 1.65 * ROWS), layout="constrained")
        panels = list(figure.subplots(ROWS, COLUMNS).flat)
        images = split.take(chosen)
        brightest = int(images.max())
        pixels = images.permute(0, 2, 3, 1).numpy()
        for axes in panels:
            axes.set_axis_off()
        for axes, index, image in zip(panels, chosen, pixels, strict=False):
            true, predicted = table["true"].iloc[index], table["predicted"].iloc[index]
            axes.imshow(image, cmap="gray", vmin=0, vmax=brightest)
            if predicted == true:
                axes.set_title(predicted, fontsize=9, color=RIGHT, parse_math=False)
            else:
                axes.set_title(f"{predicted}\nnot {true}", fontsize=9, color=WRONG, parse_math=False)
        figure.supxlabel("the label predicted for each test image, and the true one where they differ", fontsize=9)
    return figure


def _matrix_figure(matrix: np.ndarray, class_names: Sequence[str]) -> Figure:
    classes = len(class_names)
    names = CHARACTER * max(map(len, class_names)) if classes <= MOST_COUNTED else 0
    side = max(SMALLEST, 1.6 + 0.38 * min(classes, MOST_COUNTED)) + names
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    counted = classes <= MOST_COUNTED
    ticks = False if counted else 5  # every fifth number where there is no room for names
    counts = np.where(matrix, matrix.astype(str), "") if counted else None
    sns.heatmap(
        matrix, annot=counts, fmt="", annot_kws={"fontsize": 9}, cmap="Blues", cbar=False, square=True,
        xticklabels=ticks, yticklabels=ticks, ax=axes,
    )  # fmt: skip
    for count, text in zip(matrix.flat, axes.texts, strict=False):  # seaborn's white is faint on the middle blues
        text.set_color("white" if count > matrix.max() / 2 else "black")
    if counted:  # names as they are: seaborn would read formulas in them
        centres = np.arange(classes) + 0.5
        long = max(map(len, class_names)) > 2
        axes.set_xticks(
            centres,
            class_names,
            rotation=45 if long else 0,
            ha="right" if long else "center",
            rotation_mode="anchor" if long else "default",
            parse_math=False,
        )
        axes.set_yticks(centres, class_names, parse_math=False)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted", ylabel="true")
    right, images = np.trace(matrix), matrix.sum()
    axes.set_title(f"{right} of {images} test images right ({right / images:.1%})", fontsize=10)
    return figure
