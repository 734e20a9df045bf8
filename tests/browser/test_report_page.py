"""The report as a person opens it in a real browser: what is seen first, and a figure that tells each run's values."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from plainres.analysis import judge
from plainres.analysis.figures import draw_curves, draw_degradation
from plainres.analysis.report_pages import content, html_page, seeds_by_epoch
from plainres.screen.figure_style import save_figure
from tests.analysis.synthetic import curves_of, sweep_of

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
ARMS = ("plain", "residual")
ERRORS = {(arm, depth): [0.0] * 6 for arm in ARMS for depth in (18, 50)} | {("plain", 50): [0.5] * 6}
ACCURACIES = {(arm, depth): [[0.1, 0.5, 1.0]] * 2 for arm in ARMS for depth in (18, 50)}
ACCURACIES[("plain", 50)] = [[0.1, 0.2, 0.3], [0.1, 0.2, 0.25]]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]


def svg(figure: Any) -> str:
    text = StringIO()
    save_figure(figure, text, "svg")
    return text.getvalue()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    sweep, curves = replace(sweep_of(ERRORS), tracking_uri="sqlite:///mlflow.db"), curves_of(ACCURACIES)
    verdict = judge(sweep)
    drawn = {"degradation": draw_degradation(sweep.runs, ARMS), "curves": draw_curves(curves, ARMS)}
    drawings = {name: (svg(figure), "") for name, figure in drawn.items()} | {"gradients": ("", "")}
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_page(verdict, content(sweep, verdict), drawings, seeds_by_epoch(curves, ARMS)))
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "most"), [(1366, 900, 500), (545, 800, 700), (390, 844, 700)])
def test_the_figure_is_seen_at_once_and_nothing_is_wider_than_the_screen(
    browser: Any, address: str, width: int, height: int, most: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.locator("#degradation").bounding_box()["y"] < most
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_pointing_at_a_line_tells_its_run_and_nothing_is_fetched(browser: Any, address: str) -> None:
    page, fetched, errors = browser.new_page(), list[str](), list[str]()
    page.on("request", lambda request: fetched.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    chart = page.locator(".live svg")
    chart.scroll_into_view_if_needed()
    lines = chart.locator("path:not(.grid)")
    assert lines.count() == 8  # the training error of each run
    place = chart.bounding_box()
    highest = page.evaluate("""() => Math.min(...[...document.querySelectorAll('.live svg path:not(.grid)')]
        .map(path => +path.getAttribute('d').split(' ').at(-1)).filter(y => y < 290))""")
    page.mouse.move(place["x"] + place["width"] - 14, place["y"] + highest)
    assert page.locator("output").inner_text() == "plain 50, seed 1, epoch 3: 75.00 % training error"
    page.get_by_label("residual").uncheck()
    assert lines.count() == 4
    page.get_by_label("18 layers").uncheck()
    assert lines.count() == 2
    page.get_by_label("validation").check()
    assert lines.count() == 4
    assert errors == []
    assert {url for url in fetched if not url.startswith("data:")} == {address}
    page.close()


def test_on_a_logarithmic_axis_an_error_of_zero_stands_at_the_lower_edge(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.get_by_label("logarithmic").check()
    labels = page.locator(".live svg text[text-anchor=end]").all_text_contents()
    assert labels == ["≤ 10", "20", "50"]  # the lowest error but zero is 50 %, the highest 90 %
    page.close()


def test_without_scripts_the_static_figure_stands(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#curves img").is_visible()
    assert not page.locator(".live").first.is_visible()
    context.close()


def test_on_paper_what_is_folded_is_open_and_the_static_figure_stands(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.emulate_media(media="print")
    assert page.locator("#curves img").is_visible()
    assert not page.locator("#curves .live").is_visible()
    assert page.get_by_text(re.compile("^Report made with")).bounding_box()["height"] > 0
    page.close()
