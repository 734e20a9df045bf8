"""What the tables of why say: the sentences follow the numbers."""

from collections.abc import Callable

import pandas as pd
import torch

from plainres.explain import why_construction, why_gradients, why_landscape, why_lesion
from plainres.explain.inspection import network_at_start
from plainres.settings import RunConfig
from plainres.training import Trainer


def test_the_network_at_the_start_is_that_of_the_training_to_the_bit(tiny: Callable[..., RunConfig]) -> None:
    config = tiny("residual", seed=3)
    wanted = Trainer(config).network.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in network_at_start(config).state_dict().items())


def made(longer: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"arm": "plain", "seed": [0, 1, 2], "start_error": 0.01, "shallow": 0.01, "same_logits": 1.0})
    return table.assign(longer=longer, scratch=0.5)


def test_construction_is_told_by_the_network_trained_for_as_long() -> None:
    depths = why_construction.depths_of([34, 18])
    (lost,) = why_construction.sentences(made([0.4, 0.41, 0.42]), depths)
    assert lost.startswith("plain 34: a solution exactly as good as depth 18's exists for 3 of 3 seeds")
    assert lost.endswith("training from scratch does not find it.")
    (found,) = why_construction.sentences(made([0.01, 0.01, 0.011]), depths)
    assert found.endswith("training from scratch finds one as good.")
    (inexact,) = why_construction.sentences(made([0.4, 0.41, 0.42]).assign(same_logits=[1.0, 0.0, 1.0]), depths)
    assert "exists for 2 of 3 seeds" in inexact


def test_arms_trained_for_as_long_have_twice_their_own_epochs() -> None:
    assert why_construction.longer(["plain", "residual:epochs=3,lr=0.1"], 9) == [
        "plain:epochs=18",
        "residual:epochs=6,lr=0.1",
    ]


def lesions(plain: list[float], residual: list[float]) -> pd.DataFrame:
    rows = [
        {
            "arm": arm, "variant": arm, "depth": 8, "seed": seed, "lesion/none": 0.0, "lesion/layer1.0": 2 * rise,
            "lesion/layer2.0": 0.9, "lesion/identity_1": rise, "renormalised_lesion/none": 0.1,
            "renormalised_lesion/identity_1": 0.1 + rise / 10, "response/layer1.0": 3.0, "block_input/layer1.0": 2.0,
            "response/layer2.0": 1.0, "block_input/layer2.0": 2.0,
        }
        for arm, rises in (("plain", plain), ("residual", residual))
        for seed, rise in enumerate(rises)
    ]  # fmt: skip
    return why_lesion.summarised(pd.DataFrame(rows))


def test_a_lesion_is_of_blocks_with_an_identity_beside_them_and_told_with_both_kinds_of_statistics() -> None:
    summary = lesions([0.4, 0.41, 0.42], [0.01, 0.02, 0.0])
    assert summary["rise"].tolist() == [0.4, 0.41, 0.42, 0.01, 0.02, 0.0]
    assert summary["ratio"].tolist() == [1.0] * 6
    kept, anew = why_lesion.sentences(summary)
    assert "by 41.0 ± 1.0 points in plain and by 1.0 ± 1.0 in residual" in kept
    assert kept.endswith("plain networks need each block more.")
    assert "estimated anew, raises the error by 4.1 ± 0.1 points in plain and by 0.1 ± 0.1 in residual" in anew
    assert why_lesion.sentences(lesions([0.01] * 3, [0.4] * 3))[0].endswith(
        "plain networks don't need each block more."
    )
    assert why_lesion.sentences(summary.drop(columns=["rise", "renormalised_rise"])) == []


def coherences(arms: list[str]) -> pd.DataFrame:
    """Three seeds of networks of depth 34 whose cosines are all alike."""
    cosines = {f"initial_{of}_coherence/layer1.{n}": 0.1 for of in ("gradient", "unrelated") for n in range(16)}
    rows = [
        {
            "arm": arm, "variant": arm.partition(":")[0], "depth": 34, "seed": seed, "train_error": 0.1,
            "first_cosine": 0.1, "initial_growth_rate/gradient_norm": 1.2, "update_size/initial": 1.0,
            "relative_update/initial": 0.1, "update_disparity/initial": 10.0, **cosines,
        }
        for arm in arms
        for seed in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_an_arm_that_is_missing_at_the_deepest_depth_is_drawn_where_it_is() -> None:
    deep = coherences(["plain", "residual", "plain:lr=0.1"])
    shallow = deep[deep["arm"] == "plain"].assign(depth=18, arm="plain:init=dirac")
    figure = why_gradients.draw_size_and_coherence(pd.concat([deep, shallow], ignore_index=True))
    nearby, unrelated, *causes = figure.axes
    assert [max(line.get_xdata()) for line in nearby.lines] == [32, 32]  # plain's and residual's; no law is of these
    assert [max(line.get_xdata()) for line in unrelated.lines] == [32, 32, 32]
    law = unrelated.lines[-1].get_xydata()
    assert law.tolist() == [[layers, 2.0**-layers] for layers in range(1, 33)]
    assert [len(axes.collections[0].get_offsets()) for axes in causes] == [12, 12, 12]


def test_what_turns_the_dial_is_drawn_in_its_own_figure_and_said() -> None:
    data = coherences(["plain", "residual", *(f"plain:activation=leaky,leak={leak}" for leak in (0.5, 1.0))])
    assert len(why_gradients.draw_size_and_coherence(data).axes[0].lines) == 2
    assert "with slopes of 0, 0.5, 1 below zero" in why_gradients.sentences(data)[-1]
    assert len(why_gradients.sentences(data[data["arm"].isin(["plain", "residual"])])) == 1


def landscapes(plain_error: float, residual_error: float) -> pd.DataFrame:
    errors, starts, rises = (
        {"plain": plain_error, "residual": residual_error}, {"plain": 1900.0, "residual": 19.0},
        {"plain": 6.0, "residual": 2.0},
    )  # fmt: skip
    return pd.DataFrame(
        [
            {
                "arm": arm, "variant": arm, "depth": 18, "seed": seed, "train_error": errors[arm], "stable": 190.0,
                "curvature_start": starts[arm], "curvature_end": starts[arm] / 1000, "rise/0.5": rises[arm] * 10**seed,
                "rise/0.1": 1.0, "rise/1": 1 / rises[arm],
            }
            for arm in errors
            for seed in range(3)
        ]
    )  # fmt: skip


def test_curvatures_are_compared_by_their_factor_and_with_the_threshold_of_stability() -> None:
    (said,) = why_landscape.sentences(landscapes(0.0, 0.005))
    assert said.startswith(
        "Depth 18: the curvature at the start of plain is 100 times (95 % interval 100 to 100) that of residual: "
        "plain starts at a sharper place; "
    )
    assert (
        "stable up to 2 (1 + momentum) / lr = 190; plain starts at 10.0 times (95 % interval 10.0 to 10.0) that and "
        "ends at 0.0100 times (95 % interval 0.0100 to 0.0100) that, residual starts at 0.100 times"
    ) in said
    assert "that of residual: plain ends at a sharper place; at distances" in said
    (adam,) = why_landscape.sentences(landscapes(0.0, 0.005).assign(stable=float("nan")))
    assert "stable" not in adam


def test_rises_are_compared_where_both_networks_fit_their_images() -> None:
    (said,) = why_landscape.sentences(landscapes(0.0, 0.005))
    # Three times with every seed, though the rises themselves differ by a factor of 100 between seeds.
    assert said.endswith(
        "at distances of 0.1, 0.5, 1 the loss around plain rises 1.00 times (95 % interval 1.00 to 1.00), 3.00 times "
        "(95 % interval 3.00 to 3.00), 0.333 times (95 % interval 0.333 to 0.333) as far."
    )
    falls = landscapes(0.0, 0.005).assign(**{"rise/0.5": -1.0})
    assert "1.00 to 1.00), ? times, 0.333 times" in why_landscape.sentences(falls)[0]
    (unlike,) = why_landscape.sentences(landscapes(0.2, 0.005))
    assert "they end at 20.0 ± 0.0 and 0.5 ± 0.0 % training error" in unlike
    assert unlike.endswith("is not compared.")
