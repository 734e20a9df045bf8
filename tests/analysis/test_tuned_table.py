import json
from dataclasses import asdict, replace

import pandas as pd
import pytest
from rich.console import Console

from plainres.analysis.tuned_table import spread, spread_table, tuned_table
from plainres.sweeps.tuned import Tuned, from_params, to_params, tuned_settings

# As wide as the default search has it: batch sizes of up to three digits, learning rates from 0.001 on.
RESIDUAL_50 = Tuned(
    arm="residual", depth=50, values={"lr": 0.001234, "batch_size": 128}, objective="train_loss", value=0.001181,
    trials=20, near=5, near_values={"lr": (0.001011, 0.005912), "batch_size": (128, 256)}, near_value=0.001234,
    study="s",
)  # fmt: skip


def shown(tuned: Tuned) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(tuned_table([tuned]))
    return capture.get()


def test_a_networks_tuned_values_fit_a_line_of_80_columns() -> None:
    (cells,) = tuned_table([RESIDUAL_50]).rows
    assert cells == ("residual-50", "20", "0.00123 (0.001–0.0059)", "128 (128–256)", "0.00118 (≤ 0.0012)")
    (row,) = [line for line in shown(RESIDUAL_50).splitlines() if "residual-50" in line]
    assert all(cell in row for cell in cells)


def test_one_trial_tells_nothing_of_how_sharp_its_optimum_is() -> None:
    one = replace(RESIDUAL_50, trials=2, near=1)
    table = tuned_table([one])
    assert table.rows == (("residual-50", "2", "0.00123", "128", "0.00118"),)
    assert "how sharp" not in table.caption
    assert "how sharp" in tuned_table([one, RESIDUAL_50]).caption


def test_wider_ones_take_more_lines_and_nothing_is_cut() -> None:
    wider = replace(
        RESIDUAL_50,
        depth=1202,
        values={"lr": 0.00001234, "batch_size": 128},
        near_values={"lr": (0.00001011, 0.005912), "batch_size": (512, 1024)},
    )
    (cells,) = tuned_table([wider]).rows
    output = shown(wider)
    assert "…" not in output
    assert all(word in output for cell in cells for word in cell.split())


def test_tuned_values_come_back_by_arm_in_the_order_asked_for() -> None:
    dirac = replace(RESIDUAL_50, depth=18, arm="plain:init=dirac")
    deep, later = replace(dirac, depth=34), replace(RESIDUAL_50, number=1)
    stored = to_params([RESIDUAL_50, later, deep, dirac])
    assert from_params({"arms": "plain:init=dirac residual", **stored}) == [dirac, deep, RESIDUAL_50, later]
    assert from_params({"variants": "residual plain", **to_params([RESIDUAL_50])}) == [RESIDUAL_50]
    assert [values.network for values in (dirac, RESIDUAL_50)] == ["plain:init=dirac-18", "residual-50"]


def test_values_that_were_stored_before_there_were_arms_and_other_searches_are_read() -> None:
    before = {
        "variant": "residual", "depth": 50, "lr": 0.001234, "batch_size": 128, "objective": "train_loss",
        "value": 0.001181, "trials": 20, "near": 5, "near_lr": [0.001011, 0.005912], "near_batch_sizes": [128, 256],
        "near_value": 0.001234, "study": "s",
    }  # fmt: skip
    assert from_params({"tuned.residual-50": json.dumps(before)}) == [RESIDUAL_50]


def test_values_that_a_later_version_adds_are_no_trouble() -> None:
    stored = json.dumps({**asdict(RESIDUAL_50), "later": 1})
    assert from_params({"tuned.residual-50": stored}) == [RESIDUAL_50]


def test_seeds_take_turns_with_the_studies_alike_for_every_network() -> None:
    later = replace(RESIDUAL_50, number=1, values={"lr": 0.5, "batch_size": 32})
    plain = [replace(each, arm="plain", values={"lr": each.values["lr"] / 2}) for each in (RESIDUAL_50, later)]
    settings = tuned_settings([RESIDUAL_50, later, *plain], [3, 4, 7])
    assert [settings["residual", 50, seed]["lr"] for seed in (3, 4, 7)] == [0.5, 0.001234, 0.5]
    assert [settings["plain", 50, seed] for seed in (3, 4, 7)] == [{"lr": 0.25}, {"lr": 0.000617}, {"lr": 0.25}]


def test_the_table_tells_studies_confirmed_values_and_borders() -> None:
    border = "the best batch size; try --batch-sizes 128 256 512"
    first = replace(RESIDUAL_50, confirmed=(0.5, 0.25, 0.75), borders=(border,))
    later = replace(first, number=1, values={"lr": 0.5, "batch_size": 32, "epochs": 3}, borders=(border,))
    table = tuned_table([first, later], [0, 1, 2])
    assert table.columns == ("network", "trials", "learning rate", "batch size", "epochs", "objective", "confirmed")
    assert [(row[0], row[4], row[-1]) for row in table.rows] == [
        ("residual-50", "", "0.5 (0.25–0.75)"), ("residual-50-study1", "3", "0.5 (0.25–0.75)"),
    ]  # fmt: skip
    assert "the first study: 0 2; study 1: 1" in table.caption
    assert f"At a border: {border} (residual-50, residual-50-study1)." in table.caption
    assert "not all were confirmed" in tuned_table([first, replace(later, confirmed=())]).caption


def test_the_spread_between_studies_stands_beside_that_over_seeds() -> None:
    # Studies' means 2 and 8: deviations of 3 from 5, so sqrt(18); within, +-1 and +-2 around them: sqrt((2 + 8) / 2).
    assert spread([[1.0, 3.0], [6.0, 10.0]]) == pytest.approx((18**0.5, 5**0.5))
    errors = {0: 0.01, 1: 0.06, 2: 0.03, 3: 0.10}
    runs = pd.DataFrame(
        [{"arm": "residual", "depth": 50, "seed": seed, "train_error": error} for seed, error in errors.items()]
    )
    table = spread_table([RESIDUAL_50, replace(RESIDUAL_50, number=1)], runs)
    assert table is not None
    assert table.rows == (("residual-50", "2.00 8.00", "4.24", "2.24"),)
    assert spread_table([RESIDUAL_50], runs) is None
