"""README and docs lead where they say, and say of the source what stands there."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.docs.pages import PAGES, Page
from tests.environment import ROOT

SOURCES = [
    re.sub("  # type: ignore.*", "", path.read_text())
    for room in ("src", "experiments", "studies")
    for path in (ROOT / room).rglob("*.py")
]
INDENTS = ("", " " * 4, " " * 8)  # of a definition, and of what stands in a class or a method
each_page = pytest.mark.parametrize("page", PAGES, ids=[page.path.name for page in PAGES])


@each_page
def test_a_link_leads_to_a_file_and_a_heading_that_exist(page: Page) -> None:
    for link in page.links:
        if link.startswith(("http://", "https://")):
            continue
        place, _, anchor = link.partition("#")
        target = page.path.parent / place if place else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors, link


def test_every_page_and_figure_is_linked() -> None:
    linked = {(page.path.parent / link.partition("#")[0]).resolve() for page in PAGES for link in page.links}
    there = {path for path in (ROOT / "docs").rglob("*.*") if path.suffix in (".md", ".png", ".svg")}
    assert there <= linked


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 8 * 1024


@each_page
def test_a_path_that_is_named_exists(page: Page) -> None:
    for span in page.spans:
        if re.fullmatch(r"(src|tests|docs|experiments|studies|\.ci)/[\w/.]+", span) and not re.search("NAME|db$", span):
            assert (ROOT / span).exists(), span


@each_page
def test_code_shown_from_the_source_stands_there(page: Page) -> None:
    if any("import " in block for block in page.python):
        return  # it shows what a reader can run
    for block in page.python:
        lines = dedent(block).strip()
        flush = (re.sub(f"^{indent}", "", source, flags=re.MULTILINE) for source in SOURCES for indent in INDENTS)
        assert any(lines in source for source in flush), lines


@each_page
def test_python_that_is_shown_compiles(page: Page) -> None:
    for block in page.python:
        compile(dedent(block), str(Path(page.path.name)), "exec")
