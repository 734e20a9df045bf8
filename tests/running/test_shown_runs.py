import time
from collections.abc import Callable, Iterable
from io import StringIO

import pytest
from rich.console import Console

from plainres.running.events import Event, Failed, Finished, Notice, Progress, Started
from plainres.running.shown_runs import RunsTally
from plainres.screen.clock import clock_time
from plainres.screen.screens import LiveScreen, make_screen
from plainres.settings import RunConfig


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def tally_of(configs: Iterable[RunConfig], now: Callable[[], float] = time.monotonic) -> RunsTally:
    return RunsTally({config: config.name for config in configs}, now)


def test_the_time_left_counts_the_epochs_that_are_trained_now(tiny: Callable[..., RunConfig]) -> None:
    resumed, diverged, failed, waiting = (tiny(seed=seed, epochs=10) for seed in range(4))
    now = Time()
    work = tally_of([resumed, diverged, failed, waiting], now)
    work.after(Started(resumed, 5))  # five epochs of before, and one now
    now.seconds = 20
    for event in (Progress(resumed, 6, 1.0, 0.5), Started(diverged, 0)):
        work.after(event)
    now.seconds = 40
    for event in (
        Progress(diverged, 1, 1.0, 0.5),
        Progress(diverged, 2, float("nan"), 0.1),
        Finished(diverged, "id", {"final/train_error": 0.9}, diverged=2),
        Failed(failed, "no memory"),
    ):
        work.after(event)
    # Three epochs took two workers 60 s, 20 s each; one has 4 left, the other is free for a run of 10.
    assert work.standing().left == "3:20 left"


def test_deeper_networks_take_longer(tiny: Callable[..., RunConfig]) -> None:
    shallow, deep = tiny(depth=8, epochs=1), tiny(depth=20, epochs=1)
    now = Time()
    work = tally_of([shallow, deep], now)
    assert work.standing().left == ""
    work.after(Started(shallow, 0))
    now.seconds = 8
    assert work.standing().left == ""
    work.after(Progress(shallow, 1, 1.0, 0.5))
    assert work.standing().left == "0:20 left"


# Seconds of a run with nine epochs, by network, as once measured.
MEASURED = {"plain-18": 4.7, "plain-34": 10.2, "plain-50": 14.3, "residual-18": 5.1, "residual-34": 10.0,
            "residual-50": 17.5}  # fmt: skip


@pytest.mark.parametrize(("depths", "seeds", "jobs"), [((50, 34, 18), 3, 2), ((50,), 3, 2), ((34, 18), 5, 4)])
def test_after_a_third_of_the_work_the_time_left_is_right_within_a_quarter(
    tiny: Callable[..., RunConfig], depths: tuple[int, ...], seeds: int, jobs: int
) -> None:
    arms = ("plain", "residual") if len(depths) > 1 else ("plain",)
    configs = [tiny(arm, depth, seed, epochs=9, width=64) for depth in depths for seed in range(seeds) for arm in arms]
    happenings: list[tuple[float, Event]] = []
    free_at = [0.0] * jobs
    for config in configs:
        start = min(free_at)
        end = start + MEASURED[config.network]
        happenings.append((start, Started(config, 0)))
        happenings += [(start + (end - start) * epoch / 9, Progress(config, epoch, 1.0, 0.5)) for epoch in range(1, 10)]
        happenings.append((end, Finished(config, "id", {"final/train_error": 0.0})))
        free_at[free_at.index(start)] = end
    now = Time()
    work, checked = tally_of(configs, now), 0
    whole = sum(config.epochs * config.depth for config in configs)
    for when, event in sorted(happenings, key=lambda happening: happening[0]):
        now.seconds = when
        work.after(event)
        if work.done >= whole / 3 and max(free_at) - when > 5:
            checked += 1
            assert work.seconds_left() == pytest.approx(max(free_at) - when, rel=0.25)
    assert checked > 5


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", ["CI", "NO_COLOR"])
def test_a_terminal_has_plain_lines_in_ci_and_without_colour(
    tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    file = StringIO()
    config = tiny()
    tally = tally_of([config])
    with make_screen(Console(file=file, force_terminal=True), tally.standing()) as screen:
        screen.show(tally.after(Finished(config, "id", {"final/train_error": 0.25})))
    assert file.getvalue() == "[1/1] plain-8-seed0          training error 25.00%\n"


def test_both_displays_tell_of_a_run_that_is_tried_again(tiny: Callable[..., RunConfig]) -> None:
    config = tiny(epochs=2)
    events: list[Event] = [
        Started(config, 0),
        Progress(config, 1, 1.5, 0.5),
        Notice(config, "no memory; it is tried once more"),
        Started(config, 1),
        Progress(config, 2, 1.25, 0.5),
        Finished(config, "id", {"final/train_error": 0.25}),
    ]
    for terminal in (False, True):
        file = StringIO()
        console = Console(file=file, force_terminal=terminal, width=100)
        tally = tally_of([config])
        with make_screen(console, tally.standing()) as screen:
            assert isinstance(screen, LiveScreen) == terminal
            for event in events:
                screen.show(tally.after(event))
        assert "plain-8-seed0: no memory; it is tried once more\n" in file.getvalue()
        assert "plain-8-seed0          training error 25.00%" in file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_digit_is_cut_in_a_terminal_of_any_width(tiny: Callable[..., RunConfig], width: int) -> None:
    configs = [tiny(seed=seed, epochs=164, arm="plain:init=dirac,init_share=0.2") for seed in range(30)]
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    tally = tally_of(configs)
    screen = LiveScreen(console, tally.standing())
    for config in configs[:2]:
        screen.show(tally.after(Started(config, 0)))
        screen.show(tally.after(Progress(config, 123, 12.3456, 0.9876)))
    console.print(screen)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert {"0/30", "123/164", "12.3456", "98.76%", "left"} <= set(words)
    assert "plain:init=dirac,init_share=0.2-8-seed1" in "".join(words)


@pytest.mark.parametrize("terminal", [False, True])
def test_names_and_reasons_are_never_markup(tiny: Callable[..., RunConfig], terminal: bool) -> None:
    config = tiny(arm="plain[bold]:smile:")
    file = StringIO()
    console = Console(file=file, force_terminal=terminal, width=200, emoji=False)
    tally = tally_of([config])
    with make_screen(console, tally.standing()) as screen:
        for event in (Started(config, 0), Progress(config, 1, 1.0, 0.5), Failed(config, "no [red]file[/] /a[1]")):
            screen.show(tally.after(event))
    assert "plain[bold]:smile:-8-seed0" in file.getvalue()
    assert "failed: no [red]file[/] /a[1]" in file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_runs_of_one_name_are_told_apart_by_another(tiny: Callable[..., RunConfig], terminal: bool) -> None:
    trials = {tiny(lr=lr): f"plain-8-seed0-trial{number}" for number, lr in enumerate((0.1, 0.2))}
    file = StringIO()
    console = Console(file=file, force_terminal=terminal, width=200, color_system=None)
    tally = RunsTally(trials)
    with make_screen(console, tally.standing()) as screen:
        for config in trials:
            screen.show(tally.after(Started(config, 0)))
        if isinstance(screen, LiveScreen):
            assert [bar.name for bar in screen.standing.parts] == list(trials.values())
        for config in trials:
            screen.show(tally.after(Finished(config, "id", {"final/train_error": 0.25})))
    assert all(f"{name}   training error 25.00%" in file.getvalue() for name in trials.values())


def test_a_time_reads_as_on_a_clock() -> None:
    assert [clock_time(seconds) for seconds in (0.4, 59.6, 3600, 3723)] == ["0:00", "1:00", "1:00:00", "1:02:03"]
