"""Measures the first updates of networks, and names arms that exchange them: their size, or how they are divided."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch.nn.functional import cross_entropy

from plainres.analysis.trained import TrainedRun
from plainres.explain.inspection import network_at_start, training_batch
from plainres.explain.paired_seeds import answer, arm_of, difference
from plainres.names import DISPARITY, GRADIENT, RELATIVE_UPDATE, UPDATE
from plainres.networks.network import Network
from plainres.probes.gradients import GradientNorms
from plainres.probes.probe import Batch, main_convolutions, undisturbed
from plainres.settings import RunConfig
from plainres.sweeps.arms import Arm, parse_arm, without
from plainres.training.adjustment import Adjustment
from plainres.training.trainer import PROBE_IMAGES

CHANGES = ("lr", "equal_updates")  # settings that change updates alone
ALIKE = 2.0  # the factor between two updates up to which their sizes are about the same


def first_update(network: Network, config: RunConfig, batch: Batch) -> dict[str, float]:
    """Measure the learning rate times the gradients that a network has before its first step, as the run adjusts them.

    `update_size`: the norm of all. `relative_update`: that of a layer over the norm of its weights, as of LARS (You et
    al. 2017), the geometric mean over layers. `update_disparity`: the largest of them over the smallest, among the
    convolutions of the main path, which is what a growth by a factor a layer comes to over all of them. A layer without
    a gradient has no say; not a number where none has one.

    Args:
        network: as at its start; its gradients are overwritten.
    """
    images, labels = batch
    with undisturbed(network, training=True):
        cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
    adjust = Adjustment(network, config)
    adjust.begin(1)
    adjust()
    measured = GradientNorms(network)
    norms = {
        name.removeprefix(GRADIENT): config.lr * norm
        for name, norm in zip(measured.names, measured.measure().tolist(), strict=True)
    }
    total = norms.pop("total")
    shares = {name: norm / network.get_parameter(f"{name}.weight").norm().item() for name, norm in norms.items()}
    known = {name: share for name, share in shares.items() if 0 < share < math.inf}
    convolutions = [known[name] for name in main_convolutions(network) if name in known]
    return {
        UPDATE: total,
        RELATIVE_UPDATE: math.exp(float(np.mean(np.log(list(known.values()))))) if known else math.nan,
        DISPARITY: max(convolutions) / min(convolutions) if convolutions else math.nan,
    }


def controls(configs: Sequence[RunConfig]) -> list[str]:
    """Name three arms that exchange first updates by their learning rate.

    Plain with the residual's total size, residual with the plain's, and plain with updates that have the same ratio to
    the weights in all layers, all through training, whose mean is the residual's. An arm that has the other's size
    already is left out, and one whose rate would be no number.

    Args:
        configs: of the networks that are compared; the first plain and the first residual arm count, at their deepest.
            They are looked at on the CPU, wherever they will be trained.
    """
    deepest = [config for config in configs if config.depth == max(each.depth for each in configs)]
    first_arms = {config.variant: config.arm for config in reversed(deepest)}
    of_variant = {variant: [config for config in deepest if config.arm == arm] for variant, arm in first_arms.items()}
    if len(of_variant) < 2:
        return []
    first = {variant: of[0] for variant, of in of_variant.items()}
    updates = {variant: pd.DataFrame(map(_at_start, of)).median() for variant, of in of_variant.items()}
    found = []
    for variant, other, size, own in (
        ("plain", "residual", UPDATE, {}),
        ("residual", "plain", UPDATE, {}),
        ("plain", "residual", RELATIVE_UPDATE, {"equal_updates": first["plain"].epochs}),
    ):
        rate = float(f"{first[variant].lr * updates[other][size] / updates[variant][size]:.2g}")
        if 0 < rate < math.inf and (own or rate != first[variant].lr):
            found.append(Arm(variant, {**parse_arm(first[variant].arm).settings, "lr": rate, **own}).name)
    return found


def exchange_sentences(runs: pd.DataFrame, plain: pd.DataFrame, residual: pd.DataFrame) -> list[str]:
    """Say what follows from exchanged updates, where arms have them.

    Args:
        runs: of all arms at one depth, a row each, with what `first_update` measures and train_error.
        plain, residual: those of the two arms that are compared.
    """
    slowed, hurried, even = (
        _with_update(runs, arm_of(own), size, other, even=even)
        for own, size, other, even in (
            (plain, UPDATE, residual, False), (residual, UPDATE, plain, False), (plain, RELATIVE_UPDATE, residual, True)
        )
    )  # fmt: skip
    found = []
    if slowed is not None:
        found.append(f"With the residual's update size {_gap_left(plain, slowed, residual)}.")
    if hurried is not None:
        worse = difference(hurried, residual, "train_error")
        said = answer(worse, "size alone makes a residual network fail, too", "it bears that size")
        ends = f"residual ({arm_of(hurried)}) ends {worse or '?'} points above itself"
        found.append(f"With the plain's update size {ends}: {said}.")
    if even is not None:
        beyond = difference(even, slowed, "train_error") if slowed is not None else None
        found.append(
            "With updates that have the residual's mean ratio to the weights in every layer "
            f"{_gap_left(plain, even, residual)}"
            + (f"; {beyond} points above plain with the size alone." if beyond else ".")
        )
    return found


def _gap_left(plain: pd.DataFrame, changed: pd.DataFrame, residual: pd.DataFrame) -> str:
    """Say how far above residual a changed plain arm ends, and what the change does to the gap that plain has."""
    gap, left, gained = (
        difference(higher, lower, "train_error")
        for higher, lower in ((plain, residual), (changed, residual), (plain, changed))
    )
    said = (
        answer(gap, "", "there is no gap to close")
        or answer(left, "", "it closes the gap")
        or answer(gained, "it closes a part of the gap", "it closes none of the gap")
    )
    return f"plain ({arm_of(changed)}) ends {left or '?'} points above residual, without it {gap or '?'}: {said}"


def is_exchange(arm: str, arms: Sequence[str]) -> bool:
    """Tell whether an arm differs from one before it in its updates alone."""
    return any(without(other, *CHANGES) == without(arm, *CHANGES) for other in arms[: arms.index(arm)])


def _with_update(runs: pd.DataFrame, arm: str, size: str, of: pd.DataFrame, *, even: bool) -> pd.DataFrame | None:
    """Find the runs of the arm that differs from this one in its updates alone, with about the size of the other runs.

    Args:
        even: whether it also differs in how long updates are equal.
    """
    sizes = runs.groupby("arm", sort=False)[size].median() if size in runs else pd.Series(dtype=float)
    apart = {
        other: abs(math.log(value / of[size].median()))
        for other, value in zip(map(str, sizes.index), sizes, strict=True)
        if other != arm
        and without(other, *CHANGES) == without(arm, *CHANGES)
        and (_epochs_of_equal_updates(other) != _epochs_of_equal_updates(arm)) == even
    }
    nearest = min(apart, key=lambda other: apart[other], default=None)
    return runs[runs["arm"] == nearest] if nearest and apart[nearest] < math.log(ALIKE) else None


def _epochs_of_equal_updates(arm: str) -> int:
    return int(parse_arm(arm).settings.get("equal_updates", 0))


def _at_start(config: RunConfig) -> dict[str, float]:
    network = network_at_start(config)
    return first_update(network, config, training_batch(TrainedRun(network, config), PROBE_IMAGES))
