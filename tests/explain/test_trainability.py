"""Maps of errors that were never trained."""

from pathlib import Path

import pandas as pd
import pytest

from plainres.explain.trainability import cells_of, closer, draw, sentences, table, window_of, with_missing, write
from tests.analysis.synthetic import sweep_of

pytestmark = pytest.mark.filterwarnings("error")

RATES = ("0.01", "0.1", "1.0")
ERRORS = {
    ("plain", 20): [[0.2, 0.2], [0.0, 0.02], [0.05, 0.3]],
    ("plain", 56): [[0.9, 0.9], [0.5, 0.7], [0.9, 0.8]],
    ("plain:init=dirac", 20): [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
    ("plain:init=dirac", 56): [[0.0, 0.0], [0.0, 0.0], [0.5, 0.0]],
}
ARMS = ["plain", "plain:init=dirac"]
TRAINED = sweep_of(
    {
        (f"{arm}{',' if ':' in arm else ':'}lr={rate}", depth): errors
        for (arm, depth), row in ERRORS.items()
        for rate, errors in zip(RATES, row, strict=True)
    }
).runs
RUNS = TRAINED.assign(diverged=(TRAINED["arm"] == "plain:lr=1.0") & (TRAINED["depth"] == 56))
CELLS = cells_of(RUNS, "lr")


def test_a_cell_is_the_mean_over_its_seeds() -> None:
    cell = CELLS[(CELLS["arm"] == "plain") & (CELLS["depth"] == 20) & (CELLS["value"] == 1.0)].iloc[0]
    assert (cell["error"], cell["seeds"], cell["failed"], cell["diverged"]) == (pytest.approx(0.175), 2, 1, 0)
    assert len(CELLS) == 12


def test_the_window_is_where_the_mean_ends_at_10_percent_or_less() -> None:
    assert [row[:5] for row in table(CELLS, "lr", ARMS).rows] == [
        ("plain", "20", "1 of 3", "0.1", "0.1"),
        ("plain", "56", "0 of 3", "–", "–"),
        ("plain:init=dirac", "20", "3 of 3", "0.01", "1"),
        ("plain:init=dirac", "56", "2 of 3", "0.01", "0.1"),
    ]
    assert sentences(CELLS, "lr", ARMS, [float(rate) for rate in RATES]) == [
        "plain: of 3 values of lr it trains with 1 at depth 20, 0 at depth 56: its window closes.",
        "plain:init=dirac: of 3 values of lr it trains with 3 at depth 20, 2 at depth 56: its window narrows, and may "
        "go on beyond 0.01.",
        "Counted by the mean over 2 seeds; nothing is tested by it.",
    ]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([3, 0, 0], "closes"),
        ([3, 0, 1], "narrows"),
        ([3, 5, 3], "stays as wide"),
        ([0, 1], "no window at the shallowest"),
        ([2, 3], "widens"),
        ([3], "one depth"),
    ],
)
def test_a_window_is_compared_from_the_shallowest_depth_to_the_deepest(counts: list[int], words: str) -> None:
    assert words in window_of(counts)


def test_closer_is_looked_between_neighbours_of_which_one_trains() -> None:
    assert closer(CELLS, "lr", 20) == {"plain": ["0.0316", "0.316"]}  # the roots of 0.001 and 0.1
    assert closer(CELLS, "lr", 56) == {"plain:init=dirac": ["0.316"]}


def test_the_map_has_each_cells_error_and_a_line_where_it_crosses_10_percent() -> None:
    figure = draw(CELLS, "lr", ARMS)
    plain, dirac = figure.axes[:2]
    assert [text.get_text() for text in plain.texts] == ["20", "1", "18", "90", "60", "85×"]
    assert [label.get_text() for label in plain.get_yticklabels()] == ["20", "56"]
    # plain 20 trains in its middle cell alone: two sides and the one towards 56 layers.
    assert sorted((len({*line.get_xdata()}), len({*line.get_ydata()})) for line in plain.lines) == [
        (1, 2), (1, 2), (2, 1),
    ]  # fmt: skip
    assert len(dirac.lines) == 2


def test_a_missing_cell_is_said_and_has_no_colour_nor_edge() -> None:
    some = CELLS[~((CELLS["arm"] == "plain") & (CELLS["depth"] == 56) & (CELLS["value"] == 1.0))]
    cells = with_missing(some, ARMS, [20, 56], [0.01, 0.1, 1.0])
    assert len(cells) == 12
    first = sentences(cells, "lr", ARMS, [0.01, 0.1, 1.0])[0]
    assert first == "plain: of 3 values of lr it trains with 1 at depth 20, 0 at depth 56: 1 cells are missing."
    assert table(cells, "lr", ARMS).rows[1][2] == "0 of 2"
    plain = draw(cells, "lr", ARMS).axes[0]
    assert [text.get_text() for text in plain.texts] == ["20", "1", "18", "90", "60", ""]
    assert plain.collections[-1].get_array().mask.sum() == 1


def test_the_files_hold_a_row_for_each_run(tmp_path: Path) -> None:
    write(RUNS, CELLS, "lr", ARMS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"trainability.{kind}" for kind in ("png", "pdf", "csv")}
    assert len(pd.read_csv(tmp_path / "trainability.csv")) == len(RUNS) == 24
