"""The first updates of networks, and the arms that exchange them."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from plainres.analysis.trained import TrainedRun
from plainres.explain.first_updates import controls, exchange_sentences, first_update, is_exchange
from plainres.explain.inspection import network_at_start, training_batch
from plainres.settings import RunConfig
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.configure import configure
from plainres.sweeps.plan import plan_sweep

SMALL = {"width": 8, "train_images": 300}
UPDATE, RELATIVE, DISPARITY = "update_size/initial", "relative_update/initial", "update_disparity/initial"


def measured(config: RunConfig) -> dict[str, float]:
    network = network_at_start(config)
    return first_update(network, config, training_batch(TrainedRun(network, config), 128))


def by_hand(config: RunConfig) -> tuple[float, torch.Tensor, list[bool]]:
    """Norm of all gradients, each weight tensor's over its own norm, and whether it is a main convolution's."""
    network = network_at_start(config).train()
    images, labels = training_batch(TrainedRun(network, config), 128)
    named = dict(network.named_parameters())
    gradients = torch.autograd.grad(cross_entropy(network(images), labels), list(named.values()))
    weights = [(name, weight, gradient) for (name, weight), gradient in zip(named.items(), gradients, strict=True)]
    weights = [(name, weight, gradient) for name, weight, gradient in weights if weight.dim() > 1]
    return (
        torch.cat([gradient.flatten() for gradient in gradients]).norm().item(),
        torch.stack([gradient.norm() / weight.detach().norm() for _, weight, gradient in weights]),
        ["conv" in name for name, *_ in weights],
    )


@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_the_first_update_is_the_learning_rate_times_the_gradients(
    variant: str, tiny: Callable[..., RunConfig]
) -> None:
    config = tiny(variant, lr=0.05, depth=14, **({"shortcut": "B"} if variant == "residual" else {}))
    total, ratios, main = by_hand(config)
    found = measured(config)
    assert found[UPDATE] == pytest.approx(0.05 * total, rel=1e-4)
    assert found[RELATIVE] == pytest.approx(0.05 * ratios.log().mean().exp().item(), rel=1e-4)
    convolutions = ratios[main]
    assert 1 < len(convolutions) < len(ratios)
    assert found[DISPARITY] == pytest.approx((convolutions.max() / convolutions.min()).item(), rel=1e-4)


def test_equal_updates_have_no_disparity_and_the_mean_that_they_had(tiny: Callable[..., RunConfig]) -> None:
    unequal, equal = (measured(tiny("plain", depth=14, equal_updates=epochs)) for epochs in (0, 2))
    assert unequal[DISPARITY] > 1.5
    assert equal[DISPARITY] == pytest.approx(1, rel=1e-4)
    assert equal[RELATIVE] == pytest.approx(unequal[RELATIVE], rel=1e-4)


def test_arms_have_the_others_size_or_equal_updates_of_the_residuals_mean() -> None:
    sweep = plan_sweep(["plain", "residual"], [8, 14], [0], **SMALL, epochs=3, device="cpu")
    slowed, hurried, even = controls(sweep.configs)
    assert [arm.partition("=")[0] for arm in (slowed, hurried, even)] == [
        "plain:lr", "residual:lr", "plain:equal_updates"
    ]  # fmt: skip
    assert parse_arm(even).settings["equal_updates"] == 3

    def at_14(arm: str) -> dict[str, float]:
        parsed = parse_arm(arm)
        return measured(configure(parsed.variant, 14, device="cpu", **SMALL, **parsed.settings))

    plain, residual = at_14("plain"), at_14("residual")
    # Rates are written with two digits.
    assert at_14(slowed)[UPDATE] == pytest.approx(residual[UPDATE], rel=0.05)
    assert at_14(hurried)[UPDATE] == pytest.approx(plain[UPDATE], rel=0.05)
    assert at_14(even)[RELATIVE] == pytest.approx(residual[RELATIVE], rel=0.05)
    assert at_14(even)[DISPARITY] == pytest.approx(1, rel=1e-4)


def test_learning_rates_are_exchanged_where_there_is_no_gpu_though_others_will_train() -> None:
    settings = {**SMALL, "device": "cuda", "precision": "bf16"}
    sweep = plan_sweep(["plain", "residual"], [8], [0], elsewhere=True, **settings)
    assert [arm.partition("=")[0] for arm in controls(sweep.configs)] == [
        "plain:lr", "residual:lr", "plain:equal_updates"
    ]  # fmt: skip


def exchanged(plain: float = 0.5, slowed: float = 0.2, hurried: float = 0.0, even: float = 0.1) -> pd.DataFrame:
    """Runs of three seeds: errors, and sizes of first updates of which only some are the other's."""
    arms: dict[str, Sequence[float]] = {  # error, size and relative size of the first update
        "plain": (plain, 1.7, 0.2),
        "plain:lr=0.1": (0.9, 8.0, 1.0),
        "residual": (0.0, 0.3, 0.1),
        "plain:lr=0.002": (slowed, 0.31, 0.03),
        "residual:lr=0.2": (hurried, 1.68, 0.5),
        "plain:equal_updates=12,lr=0.008": (even, 0.4, 0.1),
        "plain:equal_updates=12,lr=0.1": (0.9, 5.0, 1.1),
    }
    return pd.DataFrame(
        [
            {
                "arm": arm, "variant": arm.partition(":")[0], "depth": 34, "seed": seed,
                "train_error": error + 0.001 * seed, UPDATE: size, RELATIVE: relative,
            }
            for arm, (error, size, relative) in arms.items()
            for seed in range(3)
        ]
    )  # fmt: skip


def said(data: pd.DataFrame) -> list[str]:
    return exchange_sentences(data, *(data[data["arm"] == arm] for arm in ("plain", "residual")))


@pytest.mark.parametrize(
    ("plain", "left", "outcome"),
    [
        (0.5, 0.0, "it closes the gap"),
        (0.5, 0.2, "it closes a part of the gap"),
        (0.5, 0.5, "it closes none of the gap"),
        (0.5, 0.7, "it closes none of the gap"),
        (0.0, 0.0, "there is no gap to close"),
        (0.0, 0.4, "there is no gap to close"),
    ],
)
def test_what_an_exchange_does_to_the_gap_follows_from_the_errors(plain: float, left: float, outcome: str) -> None:
    size, _, equal = said(exchanged(plain=plain, slowed=left, even=left))
    assert size.startswith("With the residual's update size plain (plain:lr=0.002) ends ")
    assert size.endswith(f"{outcome}.")
    assert "in every layer plain (plain:equal_updates=12,lr=0.008) ends " in equal
    assert f": {outcome}; +0.0 [+0.0, +0.0] points above plain with the size alone." in equal


def test_seeds_that_differ_too_much_say_nothing_and_so_does_one() -> None:
    data = exchanged()
    uneven = data["train_error"].where(data["arm"] != "plain:lr=0.002", data["seed"] * 0.2)
    assert said(data.assign(train_error=uneven))[0].endswith("the seeds differ too much to say which.")
    assert said(data[data["seed"] == 0])[0].endswith("two seeds are needed to say more.")


@pytest.mark.parametrize(
    ("hurried", "outcome"),
    [(0.0, "it bears that size."), (0.7, "size alone makes a residual network fail, too.")],
)
def test_a_residual_network_bears_a_plain_ones_update_or_fails(hurried: float, outcome: str) -> None:
    assert said(exchanged(hurried=hurried))[1].endswith(outcome)


def test_arms_of_another_size_are_no_exchange() -> None:
    data = exchanged()
    assert len(said(data[data["arm"] != "plain:lr=0.002"])) == 2  # plain:lr=0.1 has another size
    alone = said(data[~data["arm"].isin(["plain:lr=0.002", "residual:lr=0.2"])])
    assert len(alone) == 1
    assert "with the size alone" not in alone[0]
    arms = list(dict.fromkeys(data["arm"]))
    assert [arm for arm in arms if is_exchange(arm, arms)] == [arm for arm in arms if ":" in arm]
