from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from plainres.screen import screens
from plainres.screen.screens import Bar, Line, LiveScreen, PlainScreen, Standing, make_screen

FIRST = Standing(Bar("studies", 1, 4, "1/4 trials"), [Bar("plain-8", 1, 4, "1/4 trials")], "")
NEWS = [Line("the disk is slow"), Line("trial 1 2.3", "ended"), Line("trial 2: <no memory>", "failed")]


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def standing(*news: Line, table: str | None = None) -> Standing:
    return Standing(Bar("studies", 3, 4, "3/4 trials"), [Bar("plain-8", 3, 4, "3/4 trials")], "1:30 left", news, table)


def test_parts_that_end_at_once_are_counted_one_by_one_in_plain_lines() -> None:
    file = StringIO()
    with make_screen(Console(file=file), FIRST) as screen:
        screen.show(standing(*NEWS))
    assert file.getvalue().splitlines() == [
        "the disk is slow",
        "[2/4] trial 1 2.3  1:30 left",
        "[3/4] trial 2: <no memory>  1:30 left",
    ]


def test_a_plain_screen_tells_now_and_then_of_what_has_moved_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(screens.time, "monotonic", lambda: seconds)
    file = StringIO()
    with PlainScreen(Console(file=file)) as screen:
        for seconds in (29.0, 31.0, 60.0, 62.0):
            screen.show(standing(Line(f"epoch {seconds:.0f}", "moved")))
    assert file.getvalue().splitlines() == ["[3/4] epoch 31  1:30 left", "[3/4] epoch 62  1:30 left"]


def test_a_table_stands_for_bars_and_for_what_has_ended_and_is_gone_at_the_end() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=60, color_system=None)
    with LiveScreen(console, standing(table="lr 0.1")) as screen:
        screen.show(standing(*NEWS, Line("epoch 2", "moved"), table="lr 0.2"))
        console.print(screen)
    shown = file.getvalue()
    assert "the disk is slow" in shown
    assert "lr 0.2\n3/4 trials  1:30 left" in shown
    assert "trial 1" not in shown
    assert "epoch 2" not in shown
    assert shown.endswith("\x1b[1A\x1b[2K" * 2)  # up a line and erase it, once for each line of the table and below


def test_a_line_of_what_has_ended_never_stands_above_its_bar() -> None:
    file = StringIO()
    with make_screen(Console(file=file, force_terminal=True, width=80, color_system=None), FIRST) as screen:
        screen.show(standing(Line("plain-8 2.3", "ended")))
        assert "3/4 trials" in file.getvalue().split("plain-8 2.3\n")[1]


def test_a_notebook_shows_the_last_notice_beside_the_bars_and_keeps_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    cell: list[str] = []

    class Handle:
        def update(self, bundle: dict[str, str], **_: Any) -> None:
            cell.append(bundle["text/html"])

    monkeypatch.setattr("IPython.display.display", lambda *_, **__: Handle())
    monkeypatch.setattr(screens, "SECONDS_BETWEEN_DRAWINGS", -1)
    with make_screen(Console(quiet=True, force_jupyter=True), FIRST) as screen:
        screen.show(standing(*NEWS))
        screen.show(standing())
    first, second, third, last = cell
    assert '<progress value="1" max="4">' in first
    assert "3/4 trials  1:30 left  the disk is slow" in second
    assert third == second
    assert last == "<div>trial 2: &lt;no memory&gt;</div>"
