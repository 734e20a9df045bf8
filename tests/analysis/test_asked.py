"""What a sweep was asked for, out of what its parent run says."""

import shlex
from typing import Any

import pandas as pd
import pytest

from experiments.degradation import Flags
from plainres.analysis.asked import changed_settings, command_of
from plainres.analysis.results import GRADIENTS, RESULTS, SweepResults
from plainres.cli.command_line import run_command
from plainres.settings.declaration import Role
from plainres.sweeps.plan import plan_sweep
from plainres.workflows.compare import planned

ARMS = ("plain", "residual", "residual:shortcut=C", "plain:init=dirac,lr=0.01")


def asked(*seeds: int, **settings: Any) -> SweepResults:
    """A sweep of which nothing is trained yet."""
    params = plan_sweep(ARMS, (8, 14), seeds or (0, 3), **settings).params
    return SweepResults(
        "", "", "", params, pd.DataFrame(columns=list(RESULTS)), pd.DataFrame(columns=list(GRADIENTS)), ()
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"epochs": 6, "width": 8, "train_images": 600, "keep_last_batch": True},
        {"shortcut": "B", "init": "orthogonal", "projection_norm": False},
        {"dataset": "cifar10", "recipe": "cifar10-cpu", "train_images": 0, "lr": 0.2},
        {"threads": 2, "probes": ("gradient_coherence", "sharpness"), "optimizer": "adamw"},
    ],
)
def test_the_command_asks_for_the_same_sweep(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    results, found = asked(**settings), list[Flags]()
    program, *words = command_of(results, margin=0.05).partition(" --")
    monkeypatch.setattr("sys.argv", [program, *shlex.split("".join(words))])

    def take(flags: Flags) -> int:
        found.append(flags)
        return 0

    assert run_command(Flags, take, program) == 0
    assert planned(found[0]).params == results.params
    assert found[0].margin == 5


def test_one_seed_is_asked_for_as_a_range_of_one() -> None:
    assert "--seeds 5-5" in command_of(asked(5))


def test_settings_that_differ_from_the_recipe_are_told_with_its_value() -> None:
    assert changed_settings(asked(threads=2), Role.IDENTITY) == {}
    assert changed_settings(asked(epochs=6, momentum=0.9), Role.IDENTITY) == {"epochs": "12"}


def test_of_a_sweep_that_cannot_be_planned_any_more_nothing_is_known() -> None:
    results = asked()
    results.params["dataset"] = "no such"
    assert changed_settings(results, Role.IDENTITY) == {}
