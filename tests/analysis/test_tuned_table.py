import json
from dataclasses import asdict, replace

from rich.console import Console

from plainres.analysis.tuned_table import tuned_rows, tuned_terminal_table
from plainres.sweeps.tuned import Tuned, from_params, to_params

# As wide as the default search has it: batch sizes of up to three digits, learning rates from 0.001 on.
RESIDUAL_50 = Tuned(
    arm="residual", depth=50, lr=0.001234, batch_size=128, objective="train_loss", value=0.001181, trials=20,
    near=5, near_lr=(0.001011, 0.005912), near_batch_sizes=(128, 256), near_value=0.001234, study="s",
)  # fmt: skip


def shown(tuned: Tuned) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(tuned_terminal_table([tuned]))
    return capture.get()


def test_a_networks_tuned_values_fit_a_line_of_80_columns() -> None:
    (cells,) = tuned_rows([RESIDUAL_50])
    assert cells == ("residual-50", "20", "0.00123 (0.001–0.0059)", "128 (128–256)", "0.00118 (≤ 0.0012)")
    (row,) = [line for line in shown(RESIDUAL_50).splitlines() if "residual-50" in line]
    assert all(cell in row for cell in cells)


def test_wider_ones_take_more_lines_and_nothing_is_cut() -> None:
    wider = replace(
        RESIDUAL_50, depth=1202, lr=0.00001234, near_lr=(0.00001011, 0.005912), near_batch_sizes=(512, 1024)
    )
    (cells,) = tuned_rows([wider])
    output = shown(wider)
    assert "…" not in output
    assert all(word in output for cell in cells for word in cell.split())


def test_tuned_values_come_back_by_arm_in_the_order_asked_for() -> None:
    dirac = replace(RESIDUAL_50, depth=18, arm="plain:init=dirac")
    deep = replace(dirac, depth=34)
    stored = to_params({("residual", 50): RESIDUAL_50, ("a", 34): deep, ("a", 18): dirac})
    assert from_params({"arms": "plain:init=dirac residual", **stored}) == [dirac, deep, RESIDUAL_50]
    assert from_params({"variants": "residual plain", **to_params({("residual", 50): RESIDUAL_50})}) == [RESIDUAL_50]
    assert [values.network for values in (dirac, RESIDUAL_50)] == ["plain:init=dirac-18", "residual-50"]


def test_values_that_were_stored_before_there_were_arms_are_read() -> None:
    before = {name: value for name, value in asdict(RESIDUAL_50).items() if name != "arm"} | {"variant": "residual"}
    assert from_params({"tuned.residual-50": json.dumps(before)}) == [RESIDUAL_50]


def test_values_that_a_later_version_adds_are_no_trouble() -> None:
    stored = json.dumps({**asdict(RESIDUAL_50), "later": 1})
    assert from_params({"tuned.residual-50": stored}) == [RESIDUAL_50]
