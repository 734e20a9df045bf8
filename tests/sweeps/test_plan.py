import numpy as np
import pytest

from plainres.errors import BadInput
from plainres.settings.thresholds import fewest_seeds
from plainres.sweeps.configure import filled
from plainres.sweeps.plan import plan_sweep, verdict_lacks


def test_a_sweep_is_every_combination_deepest_first() -> None:
    sweep = plan_sweep(["plain", "residual"], [18, 34], [0, 1], device="cpu")
    assert len(sweep.configs) == 8
    assert [config.depth for config in sweep.configs] == [34] * 4 + [18] * 4
    assert len({config.config_hash for config in sweep.configs}) == 8


def test_the_order_of_the_flags_does_not_make_another_sweep() -> None:
    first = plan_sweep(["plain", "residual"], [18, 34], [0, 1], device="cpu")
    second = plan_sweep(["residual", "plain"], [34, 18], [1, 0], device="cpu")
    assert first.sweep_hash == second.sweep_hash
    assert plan_sweep(["plain"], [18, 34], [0, 1], device="cpu").sweep_hash != first.sweep_hash


@pytest.mark.parametrize(
    ("variants", "depths", "seeds", "words"),
    [
        (["plain", "plain"], [18], [0], "arm plain is given twice"),
        (["plain"], [18, 34, 18], [0], "depth 18 is given twice"),
        (["plain"], [18], [1, 1], "seed 1 is given twice"),
        (["plain"], [], [0], "no depth"),
        (["plain"], [18, 20], [0], "18 is four-stage, 20 is three-stage"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    variants: list[str], depths: list[int], seeds: list[int], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        plan_sweep(variants, depths, seeds, device="cpu")


def test_a_sweep_is_told_in_a_line() -> None:
    five = plan_sweep(["plain", "residual"], [50, 18, 34], [0, 1, 2, 3, 4], device="cpu")
    assert five.words == "30 runs: plain, residual at 18 34 50, seeds 0 to 4, digits"
    assert plan_sweep(["plain"], [8], [7], device="cpu").words == "1 run: plain at 8, seed 7, digits"
    assert plan_sweep(["plain"], [8], [7, 1, 3], device="cpu").words == "3 runs: plain at 8, seeds 7 1 3, digits"


def test_what_no_verdict_can_come_of_is_known_before_it_is_trained() -> None:
    # Six seeds are the fewest whose 2^6 signs reach 2.5 %.
    assert verdict_lacks(["plain", "residual:shortcut=C"], [18, 34], range(6), fewest_seeds()) == []
    assert verdict_lacks(["plain", "plain:lr=0.1"], [18], range(5), fewest_seeds()) == [
        "both variants (plain and residual)",
        "at least two depths",
        "at least 6 seeds",
    ]


def test_sweeps_that_share_their_settings_are_seen_together() -> None:
    first = plan_sweep(["plain"], [18], [0], device="cpu", lr=0.1)
    more = plan_sweep(["plain", "residual:lr=0.2"], [18, 34], [0, 1], device="cpu", lr=0.1)
    others = plan_sweep(["plain"], [18], [0], device="cpu", lr=0.2)
    assert first.settings_hash == more.settings_hash != others.settings_hash
    # What is left out is what the command names.
    named = plan_sweep(["plain"], [18], [0], **filled({"device": "cpu", "lr": 0.1}).values)
    assert first.settings_hash == named.settings_hash
    assert plan_sweep(["plain"], [18], [0], epochs=np.int64(3)).settings_hash
