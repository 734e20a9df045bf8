"""A dial of the growth of gradients: which runs are on it, and whether the error follows."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from plainres.explain.leaky_dial import dial_of, draw_dial, following, is_turned, sentence

GROWTH = "initial_growth_rate/gradient_norm"
SLOPES = {"plain": 0.0, "plain:activation=leaky,leak=0.3": 0.3, "plain:activation=leaky,leak=0.7": 0.7}


def turned(errors: list[list[float]]) -> pd.DataFrame:
    """Runs with errors by slope, and by seed: growth falls with the slope."""
    rows = [
        (arm, depth, seed, error if depth == 34 else 0.0, 1.2 - 0.2 * SLOPES[arm])
        for arm, of_arm in zip(SLOPES, errors, strict=True)
        for seed, error in enumerate(of_arm)
        for depth in (18, 34)
    ]
    others = [
        (arm, 34, seed, 0.9, 1.0)
        for arm in ("residual", "plain:lr=0.1", "plain:activation=tanh", "plain:activation=leaky,leak=0.5,lr=0.1")
        for seed in range(2)
    ]
    data = pd.DataFrame([*rows, *others], columns=["arm", "depth", "seed", "train_error", GROWTH])
    return data.assign(variant=data["arm"].str.partition(":")[0])


FOLLOWS = turned([[0.5, 0.6], [0.3, 0.2], [0.0, 0.0]])


def test_the_dial_has_the_plain_arm_and_what_differs_from_it_in_its_slope_alone() -> None:
    dial = dial_of(FOLLOWS)
    assert dict(zip(dial["arm"], dial["leak"], strict=True)) == SLOPES
    assert is_turned(FOLLOWS)
    assert not is_turned(FOLLOWS[FOLLOWS["arm"] != "plain:activation=leaky,leak=0.3"])


def test_the_rank_correlation_is_spearmans_of_each_seed() -> None:
    draws = np.random.default_rng(0)
    runs = pd.DataFrame({"seed": np.repeat([0, 1, 2], 6), "train_error": draws.integers(0, 4, 18) / 10})  # with ties
    runs[GROWTH] = draws.random(18)
    found = following(runs)
    assert found is not None
    expected = [spearmanr(of[GROWTH], of["train_error"]).statistic for _, of in runs.groupby("seed")]
    assert found.mean == pytest.approx(np.mean(expected))
    flat = runs.assign(train_error=runs["train_error"].where(runs["seed"] > 0, 0.0))  # where all errors are the same
    without = following(flat)
    assert without is not None
    assert without.mean == pytest.approx(np.mean(expected[1:]))
    assert following(runs.assign(train_error=0.0)) is None


def test_the_sentence_follows_the_deepest_networks() -> None:
    assert sentence(FOLLOWS) == (
        "Depth 34: with slopes of 0, 0.3, 0.7 below zero the gradient of plain grows by 1.200, 1.140, 1.060 a layer; "
        "the rank correlation of the final training error with it is +1.00 (95 % interval +1.00 to +1.00): the error "
        "follows the growth."
    )
    assert sentence(turned([[0.0, 0.0], [0.1, 0.1], [0.2, 0.3]])).endswith("the error falls where the growth rises.")
    assert sentence(turned([[0.0, 0.3], [0.1, 0.1], [0.2, 0.0]])).endswith("the seeds differ too much to say which.")
    assert sentence(turned([[0.5], [0.3], [0.0]])).endswith("is ?: two seeds are needed to say more.")


def test_it_is_said_again_without_the_rectifier_which_could_make_the_whole_of_it() -> None:
    dial = turned([[0.5, 0.6], [0.0, 0.0], [0.1, 0.1]])
    nearly_linear = dial[dial["arm"] == list(SLOPES)[-1]].assign(
        arm="plain:activation=leaky,leak=0.9", train_error=0.2, **{GROWTH: 1.02}
    )
    said = sentence(pd.concat([dial, nearly_linear]))
    # Of ranks 4, 1, 2, 3 of the errors and 4, 3, 2, 1 of the growths: 1 - 6 * 8 / (4 * 15).
    assert "is +0.20 (95 % interval +0.20 to +0.20), without 0 -1.00 (95 % interval -1.00 to -1.00): that" in said
    assert said.endswith("that the error follows the growth is not shown, since it hangs on the step from 0.")


def test_the_figure_has_the_dial_alone_at_each_depth() -> None:
    growths, errors = draw_dial(FOLLOWS).axes
    assert [len(axes.collections[0].get_offsets()) for axes in (growths, errors)] == [12, 12]
    assert max(np.asarray(errors.collections[0].get_offsets())[:, 1]) == pytest.approx(60)
