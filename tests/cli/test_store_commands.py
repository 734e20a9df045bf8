"""Sweeps are found, and seen, without their ids."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
import requests
from mlflow.entities import Param

import plainres
from plainres.analysis.stored_sweeps import stored_sweeps
from plainres.cli import browse, list_sweeps
from plainres.cli.command_line import run_command
from plainres.errors import BadInput
from plainres.tracking.parents import open_parent
from plainres.tracking.runs import Experiment
from plainres.tracking.source import Source
from tests.analysis.stored_sweep import Sweep
from tests.environment import environment


def run(module: object, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["plainres", *words])
    return run_command(module.Flags, module.main, "plainres")  # type: ignore[attr-defined]


@pytest.fixture
def sweep(store: str, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Two sweeps of a store; the one that was begun last has a verdict and a view."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    made = Sweep(store, arms=("plain", "residual"), seeds="0 1 2")
    tags = {"sweep_hash": "a", "settings_hash": "b", "verdict": "reproduced"}
    for tag, text in tags.items():
        made.client.set_tag(made.parent, tag, text)
    earlier = made.client.create_run(made.experiment, start_time=1000, tags={"sweep_hash": "c"}).info.run_id
    made.client.log_batch(earlier, params=[Param("arms", "plain"), Param("depths", "8"), Param("seeds", "5")])
    return made


def test_the_sweeps_of_a_store_are_listed_the_last_first(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(list_sweeps, monkeypatch) == 0
    first, what, second, other = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"20\d\d-\d\d-\d\d \d\d:\d\d  reproduced  +{sweep.parent}", first)
    assert what == "  sweep: plain, residual at 8 14, seeds 0 to 2, digits"
    assert " running " in second
    assert other == "  sweep: plain at 8, seed 5, digits"
    assert run(list_sweeps, monkeypatch, "--most", "1") == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["and 1 more, with --most"]


def test_the_last_sweep_is_loaded_without_its_id(sweep: Sweep) -> None:
    assert plainres.load_sweep().parent_run_id == sweep.parent


def test_a_sweep_that_is_asked_for_again_is_the_last(sweep: Sweep) -> None:
    experiment = Experiment(sweep.store, sweep.experiment)
    again = open_parent(experiment, "c", {}, Source("", ""), fresh=False).run_id
    assert again != sweep.parent
    assert [each.run_id for each in stored_sweeps(sweep.store)] == [again, sweep.parent]


def test_a_store_without_sweeps_says_so_and_stays_as_it_is(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    assert run(list_sweeps, monkeypatch) == 0
    assert capsys.readouterr().out == "The store holds no sweep yet.\n"
    assert run(browse, monkeypatch) == 2
    with pytest.raises(BadInput, match="holds no sweep yet"):
        plainres.load_sweep()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    assert run(list_sweeps, monkeypatch) == 2
    assert "none.db is missing or can't be read" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_a_servers_page_of_a_sweep_is_its_view(
    sweep: Sweep, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = f"Browse: {server}/#/experiments/{sweep.experiment}/runs?viewStateShareKey=settings_hash-b&"
    for words in ([], [sweep.parent], ["--no-open", sweep.parent]):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)  # MLflow's server sets its own
        assert run(browse, monkeypatch, *words) == 0
        what, compared, files, address, parent = capsys.readouterr().out.splitlines()
        assert sweep.parent in what
        assert compared.startswith("  sweep: plain, residual at 8 14")
        assert files.startswith("Report and files: ")
        assert address.startswith(page)
        assert parent.split("?")[0].endswith(f"{server}/#/experiments/{sweep.experiment}/runs/{sweep.parent}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert run(browse, monkeypatch, "0" * 32) == 2
    assert "has no run" in capsys.readouterr().err


@pytest.mark.slow
def test_a_database_is_served_on_a_free_port_until_it_is_interrupted(sweep: Sweep, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "plainres", "browse", "--no-open"],
        cwd=tmp_path, env={**environment(), "MLFLOW_TRACKING_URI": sweep.store}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert command.stdout
    *_, address = [command.stdout.readline().removeprefix("Browse: ") for _ in range(4)]
    assert f"/#/experiments/{sweep.experiment}/runs" in address
    assert requests.get(address, timeout=60).ok
    command.send_signal(signal.SIGINT)
    assert command.wait(60) == 0
    deadline = monotonic() + 60
    while monotonic() < deadline:  # its processes end with it
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            return
    pytest.fail("the server is still there")
