"""What a step takes, beside one of the first network."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from plainres.explain import step_times
from plainres.settings import RunConfig
from plainres.sweeps.configure import configure

SMALL = {"width": 8, "train_images": 100, "test_images": 10, "device": "cpu", "threads": 1, "batch_size": 32}
CONFIGS = [configure(variant, 8, **SMALL) for variant in ("plain", "residual")]


def test_a_hiccup_and_a_spell_in_which_all_is_slower_leave_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(config: RunConfig) -> Iterator[float]:
        own, hiccup = {"plain": (0.01, 0.01), "residual": (0.015, 0.4)}[config.arm]
        return cycle([hiccup, *([own] * 9), *([5 * own] * 10)])

    monkeypatch.setattr(step_times, "_times", times)
    found = step_times.time_steps(CONFIGS)
    assert list(found["arm"]) == ["plain", "residual"]
    assert list(found["ratio"]) == pytest.approx([1.0, 1.5])


def test_a_step_of_a_wider_network_takes_longer() -> None:
    wider = configure("plain", 8, **SMALL | {"width": 64})
    found = step_times.time_steps([CONFIGS[0], wider])
    assert found["ratio"][1] > 1
    assert found["seconds"][1] > found["seconds"][0] > 0
