"""Published tables are what their files give, by today's rule."""

import math
import re

import numpy as np
import pytest

from tests.docs.pages import PAGES
from tests.docs.published import (
    BLOCK,
    BY_EPOCH,
    DATA,
    MADE_BY,
    OF_RUN,
    STUDY,
    WHY,
    block,
    by_epoch,
    drawn,
    published,
    rewritten,
    rows_of,
)

HEADINGS = {"budget": r"\d+ \| ", "robustness": r"choice \| "}  # before an arm, where it isn't first
USED = {name for page in PAGES for name, *_ in BLOCK.findall(page.path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=[page.path.name for page in PAGES])
def test_a_pages_tables_are_those_of_its_files(page: object) -> None:
    text = page.path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert rewritten(text) == text, "python -m tests.docs.published writes them anew"


def test_every_file_is_shown_somewhere() -> None:
    assert {path.stem for path in DATA.glob("*.csv")} == USED


@pytest.mark.parametrize("name", sorted(USED))
def test_a_file_has_each_run_once_with_what_made_it(name: str) -> None:
    runs = rows_of(name)
    key = [column for column in ("choice", "slot", *OF_RUN) if column in runs]
    assert not runs.duplicated(key).any()
    assert (runs[list(MADE_BY)] != "").all(axis=None)
    arm, heading = runs["arm"].iloc[0].partition(":")[0], HEADINGS.get(name, "")
    assert re.search(rf"^\| {heading}{arm}", block(name), re.MULTILINE) or name.startswith("dose-")


@pytest.mark.parametrize("name", sorted(name for name in USED if not name.startswith(WHY) and name != STUDY))
def test_a_sweeps_file_has_every_run_of_it(name: str) -> None:
    rows = rows_of(name)
    sweeps = [runs for _, runs in rows.groupby("choice")] if "choice" in rows else [rows]
    for runs in sweeps:
        assert len(runs) == len(runs["arm"].unique()) * len(runs["depth"].unique()) * len(runs["seed"].unique())
    assert rows["train_error"].between(0, 1).all()


@pytest.mark.parametrize("name", BY_EPOCH)
def test_curves_and_gradients_are_those_of_the_runs(name: str) -> None:
    runs = published(name).runs.set_index(list(OF_RUN))
    curves, norms = by_epoch(name)
    low = curves[curves["accuracy/train"] >= 0.9].groupby(list(OF_RUN))["epoch"].min()
    assert low.to_dict() == runs["epochs_to_10"].dropna().to_dict()
    for network, group in norms[norms["when"] == "initialisation"].groupby(list(OF_RUN)):
        layers = group.sort_values("position")["norm"].to_numpy()
        growth = math.exp(-np.polyfit(range(len(layers)), np.log(layers), 1)[0])
        assert growth == pytest.approx(runs.loc[network, "gradient_growth"], rel=1e-3), network


def test_what_the_landscapes_figures_show_is_what_its_table_has() -> None:
    measured = rows_of("why-landscape").set_index(list(OF_RUN))
    lines, curvature = (drawn(f"landscape-{name}").groupby(list(OF_RUN)) for name in ("lines", "curvature"))
    for network, of in measured.iterrows():
        losses = lines.get_group(network).set_index("distance")["loss"]
        assert losses[[-0.5, 0.5]].median() - losses[0].iloc[0] == pytest.approx(of["rise/0.5"], abs=1e-5)
        values = curvature.get_group(network)["value"]
        assert list(values.iloc[[0, -1]]) == [of["curvature_start"], of["curvature_end"]]
    plane = drawn("landscape-plane")
    middle = plane[(plane["first"] == 0) & (plane["second"] == 0)].set_index(list(OF_RUN))["loss"]
    assert middle.to_dict() == pytest.approx(measured.loc[middle.index, "landscape/here"].to_dict(), abs=1e-5)


def test_a_constructed_network_is_drawn_from_where_its_shallow_one_ends() -> None:
    curves = drawn("construction-curves")
    assert {len(of) for _, of in curves.groupby(["arm", "seed", "network"])} == {12, 24}
    first = curves.groupby("network")["epoch"].min()
    assert first.drop("depth 34 constructed from it").eq(1).all()
    assert first["depth 34 constructed from it"] == 13
