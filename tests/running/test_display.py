import time
from collections.abc import Callable
from io import StringIO

from rich.console import Console

from plainres.running.clock import clock_time
from plainres.running.display import LiveDisplay, WorkLeft, make_display
from plainres.running.events import Event, Failed, Finished, Notice, Progress, Started
from plainres.settings import RunConfig


def test_the_time_left_counts_the_epochs_that_are_trained_now(tiny: Callable[..., RunConfig]) -> None:
    resumed, diverged, failed, waiting = (tiny(seed=seed, epochs=10) for seed in range(4))
    work = WorkLeft([resumed, diverged, failed, waiting])
    work.clock.started = time.monotonic() - 60
    for event in (
        Started(resumed, 5),  # five epochs of before, and one now
        Progress(resumed, 6, 1.0, 0.5),
        Started(diverged, 0),
        Progress(diverged, 1, 1.0, 0.5),
        Progress(diverged, 2, float("nan"), 0.1),
        Finished(diverged, "id", {}, diverged=2),
        Failed(failed, "no memory"),
    ):
        work.count(event)
    # Three epochs took 60 s, and 4 + 10 are left.
    assert work.remaining == "4:40 left"


def test_deeper_networks_take_longer(tiny: Callable[..., RunConfig]) -> None:
    shallow, deep = tiny(depth=8, epochs=1), tiny(depth=20, epochs=1)
    work = WorkLeft([shallow, deep])
    assert work.remaining == ""
    work.clock.started = time.monotonic() - 8
    work.count(Started(shallow, 0))
    assert work.remaining == ""
    work.count(Progress(shallow, 1, 1.0, 0.5))
    assert work.remaining == "0:20 left"


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
        screen = StringIO()
        console = Console(file=screen, force_terminal=terminal, width=100)
        with make_display(console, [config]) as display:
            assert isinstance(display, LiveDisplay) == terminal
            for event in events:
                display.show(event)
        assert "plain-8-seed0: no memory; it is tried once more\n" in screen.getvalue()
        assert "plain-8-seed0          training error 25.00%" in screen.getvalue()


def test_a_time_reads_as_on_a_clock() -> None:
    assert [clock_time(seconds) for seconds in (0.4, 59.6, 3600, 3723)] == ["0:00", "1:00", "1:00:00", "1:02:03"]
