import pytest

from plainres.errors import BadInput
from plainres.sweeps.grid import between, edges, values_between


def test_values_are_spaced_by_a_factor_or_evenly_from_0() -> None:
    assert values_between("lr", (0.001, 1), 4) == ("0.001", "0.01", "0.1", "1")
    assert values_between("shortcut_scale", (0, 1), 5) == ("0", "0.25", "0.5", "0.75", "1")
    assert values_between("batch_size", (16, 256), 5) == ("16", "32", "64", "128", "256")


@pytest.mark.parametrize(
    ("setting", "span", "count", "words"),
    [
        ("block", (0, 1), 3, "'block' is no numeric setting of an arm; choose from width"),
        ("lr", (1, 0.1), 3, "range 1 to 0.1 is empty"),
        ("lr", (-1, 1), 3, "range -1 to 1 is empty, or not from 0 upwards"),
        ("lr", (0.1, float("inf")), 3, "range 0.1 to inf is empty"),
        ("width", (8, 10), 5, "is too fine: 5 values of width in it repeat each other"),
        ("lr", (0.1, 0.101), 3, "is too fine"),
    ],
)
def test_what_is_no_range_is_refused(setting: str, span: tuple[float, float], count: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        values_between(setting, span, count)


def test_a_value_between_neighbours_is_none_of_them() -> None:
    assert between("lr", 0.01, 1) == "0.1"
    assert between("init_share", 0, 0.5) == "0.25"
    assert between("width", 16, 17) is None


def test_cells_meet_half_way_between_their_values() -> None:
    assert edges([1, 100]) == pytest.approx([0.1, 10, 1000])
    assert edges([0, 1, 3]) == [-0.5, 0.5, 2, 4]
    assert edges([1]) == pytest.approx([2.718281828**-0.5, 2.718281828**0.5])
