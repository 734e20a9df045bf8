"""Published tables are what their files give, by today's rule."""

import pytest

from tests.docs.pages import PAGES
from tests.docs.published import BLOCK, DATA, block, published, rewritten

USED = {name for page in PAGES for name, *_ in BLOCK.findall(page.path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=[page.path.name for page in PAGES])
def test_a_pages_tables_are_those_of_its_files(page: object) -> None:
    text = page.path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert rewritten(text) == text, "python -m tests.docs.published writes them anew"


def test_every_file_is_shown_somewhere() -> None:
    assert {path.stem for path in DATA.glob("*.csv")} == USED


@pytest.mark.parametrize("name", sorted(USED))
def test_a_file_has_each_run_once_with_what_made_it(name: str) -> None:
    runs = published(name).runs
    assert not runs.duplicated(["arm", "depth", "seed"]).any()
    assert len(runs) == len(runs["arm"].unique()) * len(runs["depth"].unique()) * len(runs["seed"].unique())
    assert runs["train_error"].between(0, 1).all()
    assert (runs[["processor", "commit", "command"]] != "").all(axis=None)
    assert f"| {runs['depth'].iloc[0]} |" in block(name)
