"""The report as a person opens it: one page without a network, Markdown, tables and figures for a paper."""

import json
import math
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from plainres.analysis import judge, read_sweep
from plainres.analysis.report import export_report, store_report
from plainres.analysis.report_pages import MAIN_COLUMNS, TEMPLATE, content, html_page, markdown_page
from plainres.analysis.results import SweepResults
from plainres.analysis.results_table import sweep_table
from plainres.errors import BadInput
from tests.analysis.stored_sweep import FINAL, LAYERS, Sweep

STYLE = re.findall(r"<style>(.*)</style>", TEMPLATE.read_text(encoding="utf-8"), re.DOTALL)[0]
VOID = ("meta", "img", "source", "wbr", "br")


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, the text of its cells, and whether all of them end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.cells: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1] += data
        if not {"style", "script"} & set(self.open):
            self.text += data
        if "script" in self.open:
            self.scripts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def results(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepResults:
    """Two arms at two depths with two seeds, one network of them exploding."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(template_database, folder / "mlflow.db")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    with chdir(folder):
        sweep = Sweep(store, arms=("plain:lr=0.02", "residual"))
    for arm in ("plain:lr=0.02", "residual"):
        for depth in (8, 14):
            for seed in (0, 1):
                explodes = arm.startswith("plain") and depth == 14
                norms = {
                    f"{when}/{layer}": math.inf if explodes and layer == "conv1" else norm
                    for when in ("initial_grad_norm", "grad_norm")
                    for layer, norm in LAYERS.items()
                }
                final = {**FINAL, "final/train_error": 0.9 - 0.01 * seed if explodes else 0.01 * seed}
                losses = {"final/train_loss": math.nan, "final/test_loss": math.inf} if explodes else {}
                curve = {1: 0.1, 2: 0.11} if explodes else {1: 0.5, 2: 0.95}
                histories = {"accuracy/train": curve, "accuracy/validation": curve}
                sweep.add(f"{arm}-{depth}-seed{seed}", {**final, **losses, **norms}, histories)
    return read_sweep(sweep.parent, store)


@pytest.fixture(scope="module")
def exported(results: SweepResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("for") / "a" / "paper"
    export_report(results, judge(results), folder)
    return folder


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")
def test_the_page_holds_the_verdict_the_table_and_the_figures_and_fetches_nothing(
    results: SweepResults, exported: Path
) -> None:
    text = (exported / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    verdict = judge(results)
    assert all(line in page.text.replace("\u00a0", " ") for line in verdict.lines)
    cells = [" ".join(cell.split()) for cell in page.cells]
    expected = [cell for row in sweep_table(results, verdict).picked(MAIN_COLUMNS).rows for cell in row]
    assert cells[: len(expected)] == expected
    assert len(page.all("img")) == 3
    for image in page.all("img"):
        assert str(image["src"]).startswith("data:image/svg+xml;base64,")
        assert image["alt"]
    fetched = [value for tag, attributes in page.elements for name, value in attributes.items()
               if name in ("src", "srcset", "href") and tag != "a"]  # fmt: skip
    assert all(value and value.startswith("data:") for value in fetched)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert page.all("html") == [{"lang": "en"}]
    _, script = page.scripts
    digest = b64encode(sha256(script.encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_the_page_begins_with_the_verdict_then_the_figure_then_the_table(exported: Path) -> None:
    text = (exported / "report.html").read_text(encoding="utf-8")
    marks = ['class="verdict"', '<figure id="degradation"', "<table", '<figure id="curves"', "<details>"]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_page_holds_the_errors_of_each_run_by_epoch(exported: Path) -> None:
    values, _ = Page((exported / "report.html").read_text(encoding="utf-8")).scripts
    seeds = json.loads(values)
    assert seeds["depths"] == [8, 14]
    (run,) = [run for run in seeds["runs"] if (run["arm"], run["depth"], run["seed"]) == ("residual", 14, 1)]
    assert run["epochs"] == [1, 2]
    assert run["training"] == run["validation"] == [50, 5]  # of accuracies of 0.5 and 0.95


def test_a_name_ends_no_script(results: SweepResults) -> None:
    seeds = {"arms": {"</script><b>": "#000000"}, "depths": [], "runs": []}
    page = Page(html_page(judge(results), [], {}, seeds))
    assert json.loads(page.scripts[0]) == seeds
    assert not page.all("b")


def test_every_run_leads_to_its_page_in_mlflows_ui(results: SweepResults, exported: Path) -> None:
    page = Page((exported / "report.html").read_text(encoding="utf-8"))
    assert [link["href"] for link in page.all("a")] == [
        f"http://127.0.0.1:5000/#/experiments/{results.experiment_id}/runs/{run_id}?workflowType=machine_learning"
        for run_id in results.runs["run_id"]
    ]
    text = (exported / "report.md").read_text(encoding="utf-8")
    assert all(f"]({link['href']}) |" in text for link in page.all("a"))


def test_settings_that_look_like_markup_are_shown_as_they_are(results: SweepResults) -> None:
    odd = replace(results, params={**results.params, "data_dir": "/data/<b>&*x*|y"}, runs=results.runs[:0])
    verdict = judge(odd)
    blocks = content(odd, verdict)
    assert "data_dir: /data/<b>&*x*|y" in Page(html_page(verdict, blocks, {})).text
    assert r"data_dir: /data/\<b\>&\*x\*\|y" in markdown_page(verdict, blocks)


def test_a_settings_value_that_stands_for_another_says_so(results: SweepResults) -> None:
    odd = replace(results, params={**results.params, "train_images": "0"}, runs=results.runs[:0])
    page = markdown_page(judge(odd), content(odd, judge(odd)))
    assert "train_images: 0 (all)\n" in page


def test_a_paper_gets_its_files(results: SweepResults, exported: Path) -> None:
    figures = [f"{name}.{kind}" for name in ("degradation", "curves", "gradients") for kind in ("png", "pdf", "svg")]
    names = {path.name for path in exported.iterdir()}
    assert names == {*figures, "report.html", "report.md", "results.csv", "curves.csv", "gradients.csv", "table.tex"}
    curves = pd.read_csv(exported / "curves.csv").set_index(["arm", "depth", "seed", "epoch"])
    assert curves.loc[("residual", 14, 1, 2), "accuracy/validation"] == 0.95
    norms = pd.read_csv(exported / "gradients.csv").set_index(["arm", "depth", "seed", "when", "layer"])["norm"]
    assert norms["residual", 14, 1, "initialisation", "layer1.0.conv1"] == 4.0  # of LAYERS
    read = pd.read_csv(exported / "results.csv")
    assert list(read.columns) == list(results.runs.columns)
    for column in ("train_error", "train_loss", "test_loss", "gradient_growth"):
        np.testing.assert_allclose(read[column], results.runs[column])
    assert read["test_loss"].max() == math.inf


def test_figures_are_as_wide_as_an_articles_text(exported: Path) -> None:
    for name in ("degradation", "curves", "gradients"):
        pdf = (exported / f"{name}.pdf").read_bytes()
        found = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
        assert found
        assert float(found[1]) / 72 == pytest.approx(345 / 72.27, abs=0.005)  # 345 pt, of which an inch has 72.27
        assert float(found[2]) / 72 < 9  # a page's height
        assert b"/Type3" not in pdf  # fonts that publishers refuse


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs Debian's texlive-latex-base and -recommended")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_the_table_compiles_and_fits_a_column_of_an_article(exported: Path, tmp_path: Path, columns: str) -> None:
    (tmp_path / "article.tex").write_text(
        rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs}}"
        rf"\begin{{document}}\input{{{exported / 'table.tex'}}}\ref{{tab:{exported.name}}}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "article.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout


def test_figures_are_as_wide_as_asked_for(results: SweepResults, tmp_path: Path) -> None:
    files = export_report(results, judge(results), tmp_path, width=3.25)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert 'width="234pt"' in (tmp_path / "curves.svg").read_text()
    for width in (1.9, 20.1, math.nan):
        with pytest.raises(BadInput, match=r"width .* in is outside 2 to 20"):
            export_report(results, judge(results), tmp_path, width)


def test_the_same_results_give_the_same_files(results: SweepResults, exported: Path, tmp_path: Path) -> None:
    export_report(results, judge(results), tmp_path / exported.name)
    for path in exported.iterdir():
        assert path.read_bytes() == (tmp_path / exported.name / path.name).read_bytes(), path.name


def test_a_folder_that_is_none_is_bad_input(results: SweepResults, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"the report can't be written to .*file: "):
        export_report(results, judge(results), tmp_path / "file")


def test_the_stored_report_is_beside_the_parent_run(results: SweepResults) -> None:
    store_report(results, judge(results))
    page = Path(results.folder, "report.html")
    assert page.name == "report.html"
    assert {path.name for path in page.parent.iterdir()} == {
        "report.html", "report.md", "results.csv", "degradation.png", "curves.png", "gradients.png",
    }  # fmt: skip
    parent = MlflowClient(results.tracking_uri).get_run(results.parent_run_id)
    assert parent.data.tags["verdict"] == "undecided"
    assert parent.data.tags["mlflow.note.content"].startswith("**Undecided: ")


def colours_of(style: str) -> Iterator[dict[str, str]]:
    """The page's colours by day, at night and on paper."""
    for block in re.findall(r":root \{([^}]*)\}", style):
        yield dict(re.findall(r"--(\w+): #(\w+)", block))


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    full = "".join(2 * digit for digit in colour) if len(colour) == 3 else colour
    channels = [int(full[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def test_text_stands_out_by_day_at_night_and_on_paper() -> None:
    palettes = list(colours_of(STYLE))
    assert len(palettes) == 3
    for palette in palettes:
        for text in ("text", "dim", "link"):
            for ground in ("back", "card"):
                light, dark = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)  # WCAG 2.2, level AA


def test_the_commits_of_all_runs_are_listed(results: SweepResults) -> None:
    client = MlflowClient(results.tracking_uri)
    run_ids = list(results.runs["run_id"])
    for run_id in run_ids:
        client.set_tag(run_id, "commit", "0123abc")
    one = read_sweep(results.parent_run_id, results.tracking_uri)
    assert "Trained by the code of commit 0123abc\n" in markdown_page(judge(one), content(one, judge(one)))
    client.set_tag(run_ids[0], "commit", "fedcba, then 0123abc")
    mixed = read_sweep(results.parent_run_id, results.tracking_uri)
    page = markdown_page(judge(mixed), content(mixed, judge(mixed)))
    assert f" 0123abc ({len(run_ids) - 1} runs)" in page.replace("\\", "")
    assert "fedcba, then 0123abc (1 run)" in page.replace("\\", "")


def test_kinds_of_processors_stand_apart(results: SweepResults) -> None:
    assert "Processors" not in [section.title for section in content(results, judge(results))]
    kinds = ["one", "other"] * (len(results.runs) // 2)
    mixed = replace(results, runs=results.runs.assign(processor=kinds))
    (section,) = (section for section in content(mixed, judge(mixed)) if section.title == "Processors")
    (table,) = section.tables
    assert {row[1:3] for row in table.rows} == {("one", "1"), ("other", "1")}  # a seed each
    assert len(table.rows) == len(results.runs)
