from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.image import AxesImage

from plainres.analysis.predictions import draw_confusion, draw_predictions, prediction_table
from plainres.data import Split
from plainres.screen.figure_style import save_figure

NAMES = ("cat", "dog", "eel")
LABELS = torch.tensor([0, 0, 1, 1, 2])
PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.8, 0.0], [0.0, 0.9, 0.1], [0.6, 0.3, 0.1]])


def test_the_table_names_what_is_true_and_what_is_predicted() -> None:
    table = prediction_table(LABELS, PROBABILITIES, NAMES)
    assert table["true"].tolist() == ["cat", "cat", "dog", "dog", "eel"]
    assert table["predicted"].tolist() == ["cat", "dog", "dog", "dog", "cat"]
    assert np.allclose(table["probability"], [0.7, 0.5, 0.8, 0.9, 0.6])


def test_the_matrix_counts_true_classes_in_rows() -> None:
    figure = draw_confusion(prediction_table(LABELS, PROBABILITIES, NAMES), NAMES)
    (axes,) = figure.axes
    (cells,) = axes.collections
    assert cells.get_array().tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert "3 of 5" in axes.get_title()


def test_the_picture_shows_the_images_and_where_the_network_errs() -> None:
    images = torch.arange(5 * 4, dtype=torch.uint8).view(5, 1, 2, 2)
    figure = draw_predictions(Split(images, LABELS), prediction_table(LABELS, PROBABILITIES, NAMES))
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title().splitlines() for axes in shown] == [
        ["cat"], ["dog", "not cat"], ["dog"], ["dog"], ["cat", "not eel"],
    ]  # fmt: skip
    pixels: list[AxesImage] = [axes.images[0] for axes in shown]
    assert [image.get_array()[0, 0] for image in pixels] == [0, 4, 8, 12, 16]


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ("a_$x$", "$\\nosuch{", "=1+1")
    table = prediction_table(LABELS, PROBABILITIES, names)
    matrix = draw_confusion(table, names)
    images = Split(torch.zeros(5, 1, 2, 2, dtype=torch.uint8), LABELS)
    for figure in (matrix, draw_predictions(images, table)):
        save_figure(figure, tmp_path / "figure.png")  # a formula that is none would raise
    assert [label.get_text() for label in matrix.axes[0].get_xticklabels()] == list(names)
    assert not any(label.get_parse_math() for label in matrix.axes[0].get_xticklabels())
    table.to_csv(tmp_path / "table.csv", index=False)
    assert pd.read_csv(tmp_path / "table.csv")["true"].tolist() == [names[label] for label in LABELS]


def test_a_class_without_an_image_has_its_row_and_its_column() -> None:
    table = prediction_table(LABELS[:2], PROBABILITIES[:2], NAMES)
    (cells,) = draw_confusion(table, NAMES).axes[0].collections
    assert cells.get_array().tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
