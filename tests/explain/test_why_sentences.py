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
            "lesion/layer2.0": 0.0, "response/layer1.0": 3.0, "block_input/layer1.0": 2.0,
            "response/layer2.0": 1.0, "block_input/layer2.0": 2.0,
        }
        for arm, rises in (("plain", plain), ("residual", residual))
        for seed, rise in enumerate(rises)
    ]  # fmt: skip
    return why_lesion.summarised(pd.DataFrame(rows))


def test_a_lesion_is_the_mean_over_blocks() -> None:
    summary = lesions([0.4, 0.41, 0.42], [0.01, 0.02, 0.0])
    assert summary["rise"].tolist() == [0.4, 0.41, 0.42, 0.01, 0.02, 0.0]
    assert summary["ratio"].tolist() == [1.0] * 6
    (said,) = why_lesion.sentences(summary)
    assert "by 41.0 ± 1.0 points in plain and by 1.0 ± 1.0 in residual" in said
    assert said.endswith("plain networks need each block more.")
    assert why_lesion.sentences(lesions([0.01] * 3, [0.4] * 3))[0].endswith(
        "plain networks don't need each block more."
    )


def exchanged(slowed: float, hurried: float) -> pd.DataFrame:
    errors = {"plain": 0.5, "plain:lr=0.1": 0.9, "residual": 0.0, "plain:lr=0.002": slowed, "residual:lr=0.2": hurried}
    updates = {"plain": 1.7, "plain:lr=0.1": 8.0, "residual": 0.3, "plain:lr=0.002": 0.31, "residual:lr=0.2": 1.68}
    return pd.DataFrame(
        [
            {
                "arm": arm, "variant": arm.partition(":")[0], "depth": 34, "seed": seed,
                "train_error": error + 0.001 * seed, "first_cosine": 0.1, "initial_growth_rate/gradient_norm": 1.2,
                "update_size/initial": updates[arm],
            }
            for arm, error in errors.items()
            for seed in range(3)
        ]
    )  # fmt: skip


def test_the_exchange_of_update_sizes_says_which_cause_it_is() -> None:
    _, small, large = why_gradients.sentences(exchanged(slowed=0.6, hurried=0.0))
    assert small.endswith("size alone does not explain the failure.")
    assert large.endswith("it bears that size.")
    _, small, large = why_gradients.sentences(exchanged(slowed=0.0, hurried=0.7))
    assert small.endswith("size explains the failure.")
    assert large.endswith("size alone makes a residual network fail, too.")
    data = exchanged(slowed=0.0, hurried=0.7)
    assert len(why_gradients.sentences(data[data["arm"] != "plain:lr=0.002"])) == 1  # plain:lr=0.1 has another size


def test_an_arm_that_is_missing_at_the_deepest_depth_is_drawn_where_it_is() -> None:
    deep = exchanged(slowed=0.0, hurried=0.7).assign(
        **{f"initial_gradient_coherence/layer1.{n}": 0.1 for n in range(16)}
    )
    shallow = deep[deep["arm"] == "plain"].assign(depth=18, arm="plain:init=dirac")
    figure = why_gradients.draw_size_and_coherence(pd.concat([deep, shallow], ignore_index=True))
    assert [max(line.get_xdata()) for line in figure.axes[0].lines[:2]] == [32, 32]  # plain's and residual's


def test_curvatures_are_compared_by_their_factor() -> None:
    rows = [
        {"arm": arm, "variant": arm, "depth": 34, "seed": seed, "curvature_start": value, "landscape/0.5": 2.0}
        for arm, value in (("plain", 1000.0), ("residual", 10.0))
        for seed in range(3)
    ]
    (said,) = why_landscape.sentences(pd.DataFrame(rows))
    assert "plain starts at a sharper place (curvature by a factor of 100," in said
