"""What a person sees who opens the address that a sweep has printed, in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.environment import environment

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
SWEEP = ["--depths", "8", "14", "--width", "8", "--epochs", "2", "--seeds", "0", "1", "--train-images", "600"]
SECONDS = 60_000  # in ms, that a page may take
PLOTS = """() => [...document.querySelectorAll('.js-plotly-plot')].map(
    plot => plot.data.filter(trace => trace.x && trace.x.length).map(
        trace => ({name: trace.name || '', metric: trace.metricKey || '', x: [...trace.x], y: [...trace.y]})))"""

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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


def test_the_printed_address_shows_the_grouped_curves_without_a_click(swept: Swept, page: Any) -> None:
    page.goto(swept.address())
    page.wait_for_timeout(12000)
    import json
    print(json.dumps(page.evaluate(PLOTS))[:3000])
    print(page.inner_text("body"))
    assert 0
