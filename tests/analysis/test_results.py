"""Sweeps out of real stores: made by this code, by that of before, and damaged ones."""

import gzip
import math
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import gc

from plainres.analysis import judge, read_sweep
from plainres.analysis.report import write_report
from plainres.analysis.results import load_curves
from plainres.errors import BadInput
from tests.analysis.stored_sweep import ARMS, FINAL, LAYERS, Sweep

GOLDEN = Path(__file__).parents[1] / "golden" / "store.sql.gz"


def test_a_row_holds_what_a_run_logged_under_the_arm_that_its_sweep_calls_it(store: str) -> None:
    sweep = Sweep(store, depths="8", seeds="3")
    norms = {f"initial_grad_norm/{layer}": norm for layer, norm in LAYERS.items()}
    histories = {
        "accuracy/train": {1: 0.5, 2: 0.91, 3: 0.95},
        "grad_norm/conv1": {0: 1e9, 1: 0.5},
        "grad_norm/total": {1: 7.0},
    }
    run_id = sweep.add("plain:lr=0.02-8-seed3", {**FINAL, **norms}, histories)
    results = read_sweep(sweep.parent, store)
    assert results.arms == ARMS
    assert results.missing == ("residual-8-seed3",)
    (row,) = results.runs.to_dict("records")
    assert row == {
        "arm": "plain:lr=0.02", "variant": "plain", "depth": 8, "seed": 3, "train_error": 0.25, "test_error": 0.5,
        "train_loss": 0.75, "test_loss": 1.5, "gradient_ratio": 8.0, "gradient_growth": pytest.approx(2),
        "epochs_to_10": 2, "diverged": False, "seconds": 12.0, "processor": "", "commit": "", "run_id": run_id,
    }  # fmt: skip
    at_start = results.gradients[results.gradients["when"] == "initialisation"]
    assert at_start["layer"].tolist() == ["conv1", "layer1.0.conv1", "layer1.0.conv2", "fc"]
    assert at_start["norm"].tolist() == [8, 4, 2, 1]
    assert at_start["position"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    curves = load_curves(results)
    assert curves["epoch"].tolist() == [1, 2, 3]
    assert curves["accuracy/train"].tolist() == [0.5, 0.91, 0.95]
    assert curves["loss/train"].isna().all()


def test_arms_depths_and_seeds_come_in_the_order_asked_for(store: str) -> None:
    sweep = Sweep(store, seeds="7 1")
    for arm in ("plain:lr=0.02", "residual"):
        for depth in (14, 8):
            for seed in (1, 7):
                sweep.add(f"{arm}-{depth}-seed{seed}", FINAL, {})
    runs = read_sweep(sweep.parent, store).runs
    assert runs["arm"].unique().tolist() == ["residual", "plain:lr=0.02"]
    assert runs["seed"].tolist()[:2] == [7, 1]


def test_what_a_run_lacks_is_nan_and_nothing_breaks(store: str, tmp_path: Path) -> None:
    sweep = Sweep(store, seeds="0")
    sweep.add("residual-8-seed0", {"final/train_error": 0.5}, {})
    sweep.add("residual-14-seed0", {}, {})
    results = read_sweep(sweep.parent, store)
    assert results.runs["train_error"].tolist()[0] == 0.5
    assert (
        results.runs[["test_error", "test_loss", "gradient_ratio", "gradient_growth", "epochs_to_10"]]
        .isna()
        .all()
        .all()
    )
    verdict = judge(results)
    assert verdict.outcome == "incomplete"
    write_report(results, verdict, tmp_path)


def test_infinity_comes_back_as_infinity(store: str) -> None:
    sweep = Sweep(store, depths="8", seeds="0")
    sweep.add(
        "residual-8-seed0",
        {"final/train_loss": math.inf, "final/test_loss": math.nan},
        {"accuracy/train": {1: -math.inf}},
    )
    results = read_sweep(sweep.parent, store)
    assert results.runs["train_loss"].tolist() == [math.inf]
    assert results.runs["test_loss"].isna().all()
    assert load_curves(results)["accuracy/train"].tolist() == [-math.inf]


def test_deleted_runs_are_missing_also_when_they_are_gone_for_good(store: str) -> None:
    sweep = Sweep(store, depths="8", seeds="0 1")
    names = ("residual-8-seed0", "residual-8-seed1")
    kept, deleted = (sweep.add(name, FINAL, {}) for name in names)
    sweep.client.delete_run(deleted)
    for _ in range(2):
        results = read_sweep(sweep.parent, store)
        assert results.runs["run_id"].tolist() == [kept]
        assert "residual-8-seed1" in results.missing
        CliRunner().invoke(gc, ["--backend-store-uri", store, "--tracking-uri", store, "--run-ids", deleted])
    with pytest.raises(Exception, match=deleted):
        sweep.client.get_run(deleted)


def test_a_store_of_before_there_were_arms_is_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.executescript(gzip.decompress(GOLDEN.read_bytes()).decode())
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        ((parent,),) = database.execute("SELECT run_uuid FROM tags WHERE key = 'sweep_hash'").fetchall()
        steps = dict(
            database.execute("SELECT key, value FROM metrics WHERE step = 0 AND key LIKE 'grad_norm/%' AND run_uuid IN "
                             "(SELECT run_uuid FROM tags WHERE key = 'mlflow.runName' AND value = 'plain-14-seed0')")
        )  # fmt: skip
    results = read_sweep(parent, store)
    assert results.arms == ("plain", "residual")
    assert results.depths == (8, 14)
    assert results.missing == ()
    assert len(results.runs) == 8
    assert judge(results).outcome == "undertrained"
    row = results.runs.set_index(["arm", "depth", "seed"]).loc[("plain", 14, 0)]
    assert row["gradient_ratio"] == pytest.approx(steps["grad_norm/conv1"] / steps["grad_norm/fc"])
    assert math.isfinite(row["gradient_growth"])


@pytest.mark.parametrize("what", ["nope", "0" * 32])
def test_a_run_that_is_not_there_is_bad_input(store: str, what: str) -> None:
    with pytest.raises(BadInput, match=f"has no run '{what}'"):
        read_sweep(what, store)


def test_a_run_that_is_no_sweep_is_bad_input(store: str) -> None:
    client = MlflowClient(store)
    run_id = client.create_run("0", tags={"mlflow.parentRunId": "abc"}).info.run_id
    with pytest.raises(BadInput, match="is no sweep's parent run; its parent, abc, may be"):
        read_sweep(run_id, store)
    client.delete_run(run_id)
    with pytest.raises(BadInput, match="was deleted"):
        read_sweep(run_id, store)


def test_a_report_takes_as_many_requests_for_many_runs_as_for_few(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    sweep = Sweep(store, arms=("residual",), depths="8", seeds="0 1 2 3 4 5 6 7 8 9")
    norms = {f"initial_grad_norm/{layer}": norm for layer, norm in LAYERS.items()}

    def requests(seeds: range) -> int:
        for seed in seeds:
            sweep.add(f"residual-8-seed{seed}", {**FINAL, **norms}, {"accuracy/train": {1: 0.5}})
        queries.clear()
        load_curves(read_sweep(sweep.parent, store))
        return len(queries)

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def note(*arguments: object) -> None:
        queries.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert requests(range(2)) == requests(range(2, 10))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert isinstance(read_sweep(sweep.parent, store).runs, pd.DataFrame)


def test_earlier_verdicts_on_as_many_or_fewer_seeds_some_of_them_the_same_are_looks(store: str) -> None:
    def sweep(
        seeds: str, arms: str = "plain residual", depths: str = "8 14", settings: str = "s", judged: bool = True
    ) -> str:
        client = MlflowClient(store)
        tags = {"settings_hash": settings, "sweep_hash": seeds, **({"verdict": "undecided"} if judged else {})}
        parent = client.create_run("0", tags=tags, start_time=next(times)).info.run_id
        for name, text in (("arms", arms), ("depths", depths), ("seeds", seeds)):
            client.log_param(parent, name, text)
        return str(parent)

    times = count(1_000)
    sweep("0 1 2 3 4 5")
    sweep("0 1 2")
    sweep("7 8 9")  # of no seed of these
    sweep("0 1 2 3", judged=False)
    sweep("0 1 2 3", settings="others")
    sweep("0 1 2 3", arms="plain residual:shortcut=C")
    sweep("0 1 2 3", depths="8 20")
    sweep("0 1 2 3", depths="8 10 14", arms="plain residual plain:lr=0.1")
    sweep("3 4 5 6 7 8 9")
    sweep("0 1 2 3 4 5 6 7")  # more
    sweep("0 1 2 3 4 5 6")  # the same, as a fresh one is
    own = sweep("0 1 2 3 4 5 6")
    sweep("0 1")  # later
    assert sorted(read_sweep(own, store).looks) == [3, 4, 6, 7]
