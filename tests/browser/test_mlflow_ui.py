"""What a person sees who opens the address that a sweep has printed, in a real browser."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.environment import environment
from tests.servers import free_port

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
SWEEP = ["--depths", "8", "14", "--width", "8", "--epochs", "2", "--seeds", "0", "1", "--train-images", "600"]
SECONDS = 60_000  # in ms, that a page may take
# Of each metric the lines, and the outlines of the bands, which go there and back.
PLOTTED = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data
    .filter(trace => trace.x && trace.x.length > 1)
    .map(trace => [trace.metricKey || 'band', [...trace.x], [...trace.y]]))"""
# Of each chart of points, their places.
POINTS = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data
    .filter(trace => trace.mode === 'markers')
    .map(trace => [[...trace.x], [...trace.y], [trace.marker.color].flat()]))"""
ARMS, DEPTHS = ("plain", "residual"), (8, 14)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]


@dataclass(frozen=True)
class Swept:
    """A sweep that is stored, and served."""

    client: MlflowClient
    server: str
    printed: str
    parent: str

    def address(self) -> str:
        """The one that was printed, at this server."""
        return self.printed.replace("http://127.0.0.1:5000", self.server)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    folder = tmp_path_factory.mktemp("browser")
    command = [sys.executable, "-m", "experiments.degradation", *SWEEP]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", "--backend-store-uri", uri],
        cwd=folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (report,) = re.findall(r"Report: .*/(\w+)/artifacts/report.html", done.stdout)
    (printed,) = re.findall(r"Browse: .* (\S+)$", done.stdout, re.MULTILINE)
    yield Swept(MlflowClient(uri), f"http://127.0.0.1:{port}", printed, report)
    server.terminate()
    server.wait()


@pytest.fixture
def page(swept: Swept) -> Iterator[Any]:
    """A page of a browser that was never here."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 2000})
        page.set_default_timeout(SECONDS)
        for _ in range(SECONDS // 500):  # the server takes a few seconds to start
            try:
                page.goto(f"{swept.server}/health")
                break
            except sync_api.Error:
                page.wait_for_timeout(500)
        yield page
        browser.close()


def plotted(page: Any, kind: str) -> list[tuple[list[float], list[float]]]:
    """What the charts of a page draw of a metric, once they are drawn."""
    page.wait_for_function(f"kind => ({PLOTTED})().some(([of]) => of === kind)", arg=kind)
    return [(x, y) for of, x, y in page.evaluate(PLOTTED) if of == kind]


def mean_error(swept: Swept, arm: str, depth: int, name: str) -> float:
    """A network's final error, its mean over the two seeds."""
    first, second = swept.client.search_runs(["1"], f"tags.name = '{arm}-{depth}'")
    return float(first.data.metrics[f"final/{name}"] + second.data.metrics[f"final/{name}"]) / 2


def test_the_printed_address_shows_a_curve_for_each_network_and_its_range_over_seeds(swept: Swept, page: Any) -> None:
    page.goto(swept.address())
    runs = swept.client.search_runs(["1"], "tags.arm LIKE '%'")
    for metric in ("loss/train", "accuracy/train", "accuracy/validation", "grad_norm/total"):
        lines = plotted(page, metric)
        bands = plotted(page, "band")
        for network in ("plain-8", "plain-14", "residual-8", "residual-14"):
            seeds = [
                [entry.value for entry in swept.client.get_metric_history(run.info.run_id, metric)]
                for run in runs
                if run.data.tags["name"] == network
            ]
            assert len(seeds) == 2
            mean = [sum(values) / 2 for values in zip(*seeds, strict=True)]
            assert any(y == pytest.approx(mean) for _, y in lines), (metric, network)
            highest = [max(values) for values in zip(*seeds, strict=True)]
            assert any(y[-len(highest) :] == pytest.approx(highest) for _, y in bands), (metric, network)


def test_the_view_has_each_network_at_its_depth_and_names_no_other(swept: Swept, page: Any) -> None:
    page.goto(swept.address())
    page.wait_for_function(f"() => ({POINTS})().length === 2")
    for (x, y, colours), name in zip(page.evaluate(POINTS), ("train_error", "test_error"), strict=True):
        means = sorted((depth, mean_error(swept, arm, depth, name)) for arm in ARMS for depth in DEPTHS)
        assert sorted(zip(map(float, x), y, strict=True)) == [(depth, pytest.approx(mean)) for depth, mean in means]
        assert len(set(colours)) == len(means)
    shown = page.inner_text("body")  # legends and headings
    assert {f"{arm}-{depth}" for arm in ARMS for depth in DEPTHS} <= set(re.findall(r"\w+-\d+", shown))
    assert "error_by_depth/" not in shown  # of the parent: a legend would name every network for its lines


def test_the_parents_own_page_has_the_errors_of_an_arm_by_depth(swept: Swept, page: Any) -> None:
    page.goto(f"{swept.server}/#/experiments/1/runs/{swept.parent}/model-metrics")
    for arm in ARMS:
        (line, *again) = plotted(page, f"train_error_by_depth/{arm}")
        assert all(other == line for other in again)
        assert line == ([8, 14], pytest.approx([mean_error(swept, arm, depth, "train_error") for depth in DEPTHS]))
    assert f"{page.inner_text('h2')} (train_error_by_depth/plain)" in page.inner_text("body")


def test_the_parents_own_page_says_the_verdict_and_hides_what_it_keeps_for_itself(swept: Swept, page: Any) -> None:
    page.goto(f"{swept.server}/#/experiments/1/runs/{swept.parent}?workflowType=machine_learning")
    page.wait_for_selector("text=/with 8 layers/")  # the verdict
    assert swept.client.get_run(swept.parent).data.tags["verdict"] in page.inner_text("body")
    assert not re.search(r"run\.[0-9a-f]{4}", page.inner_text("body"))


def test_no_column_that_is_filled_is_empty(swept: Swept, page: Any) -> None:
    page.goto(f"{swept.server}/#/experiments/1/runs?workflowType=machine_learning")
    page.wait_for_selector("text=/digits \\(\\w+\\)/")  # the parent's data set
    assert "degradation.py" in page.inner_text("body")
    for run in swept.client.search_runs(["1"]):
        assert run.inputs.dataset_inputs
        assert all(run.data.tags[f"mlflow.{name}"] for name in ("source.name", "source.type", "user"))
