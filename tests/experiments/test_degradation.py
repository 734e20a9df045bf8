import csv
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.degradation import PROGRAM, Flags, main
from plainres.cli.command_line import run_command
from plainres.names import MEMBER_TAG
from plainres.tracking.parents import members_of
from tests.bad_input import check_bad_input
from tests.environment import environment

Here = Callable[..., tuple[int, str]]
TINY = ["--width", "8", "--train-images", "600", "--epochs", "2", "--seeds", "0", "1", "--device", "cpu", "--jobs", "2"]
REPORT = ["curves.png", "degradation.png", "gradients.png", "report.html", "report.md", "results.csv"]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The experiment as a user runs it, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "experiments.degradation", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture
def here(swept: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs the experiment in this process, which has imported everything, in the folder of the tiny sweep."""
    folder, _ = swept
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", [PROGRAM, *arguments])
        code = run_command(Flags, main, PROGRAM)
        return code, capsys.readouterr().out

    return run


def run_count(folder: Path) -> int:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("degradation")
    return len(client.search_runs([experiment.experiment_id]))


def metrics(folder: Path) -> dict[str, dict[str, float]]:
    """Everything that isn't a time, by run name."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("degradation")
    return {
        run.info.run_name: {
            name: value
            for name, value in run.data.metrics.items()
            if name not in ("images_per_second", "final/seconds")
        }
        for run in client.search_runs(
            [experiment.experiment_id], "tags.config_hash LIKE '%'", order_by=["attributes.start_time ASC"]
        )
    }


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a tiny sweep has been run from nothing, and what it printed."""
    folder = tmp_path_factory.mktemp("swept")
    done = command(folder, "--depths", "8", "14", *TINY)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def parent_id(output: str) -> str:
    return Path(report_path(output)).parents[1].name


def report_path(output: str) -> str:
    return next(line.split(maxsplit=1)[1] for line in output.splitlines() if line.startswith("Report:"))


def test_the_first_run_leaves_a_table_a_verdict_and_a_report(swept: tuple[Path, str]) -> None:
    folder, output = swept
    assert "[8/8]" in output
    for words in ("training error", "residual", "Undertrained: with 8 layers", "mlflow ui"):
        assert words in output
    artifacts = Path(report_path(output)).parent
    assert artifacts.is_relative_to(folder / "mlruns")
    assert sorted(path.name for path in artifacts.iterdir()) == [*REPORT, "settings.toml"]
    asked = tomllib.loads((artifacts / "settings.toml").read_text())
    assert (asked["depths"], asked["seeds"], asked["batch-size"]) == ([8, 14], [0, 1], 64)
    with (artifacts / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["variant"], row["depth"], row["seed"]) for row in rows} == {
        (variant, depth, seed) for variant in ("plain", "residual") for depth in ("8", "14") for seed in "01"
    }
    assert sorted(path.name for path in folder.iterdir()) == ["mlflow.db", "mlruns"]


def test_a_command_ends_with_no_thread_left_and_nothing_to_look_through(swept: tuple[Path, str]) -> None:
    folder, _ = swept
    heavy = {"torch", "sklearn", "scipy.stats", "seaborn", "matplotlib.pyplot"}
    told_last = f"""
import atexit, gc, runpy, sys, threading
atexit.register(lambda: print(threading.active_count(), gc.get_freeze_count() > 0, {heavy} & set(sys.modules)))
runpy.run_module("experiments.degradation", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", told_last, "--depths", "8", "14", *TINY],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1 True set()"
    assert done.stderr == ""


def test_runs_are_children_of_one_parent_that_names_them(swept: tuple[Path, str]) -> None:
    folder, output = swept
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    parent = client.get_run(parent_id(output))
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert parent.info.status == "FINISHED"
    assert {child.info.run_name: child.info.run_id for child in children} == members_of(parent.data.tags)


def test_the_same_command_again_trains_nothing(swept: tuple[Path, str], here: Here) -> None:
    folder, output = swept
    before = run_count(folder)
    code, again = here("--depths", "14", "8", *TINY)
    assert code == 0
    without_progress = [line for line in output.splitlines() if not line.startswith(("[", "Watch:"))]
    asked, what, known, *said, _ = again.splitlines()
    assert known == "8 of 8 are in the store already."
    assert [asked, what, *said] == without_progress[:-1]  # all but the way to browse
    assert run_count(folder) == before


def test_the_report_is_rebuilt_from_the_store_alone(swept: tuple[Path, str], here: Here) -> None:
    _, output = swept
    artifacts = Path(report_path(output)).parent
    before = {name: (artifacts / name).read_bytes() for name in REPORT}
    for name in REPORT:
        (artifacts / name).unlink()
    assert here("--report", parent_id(output))[0] == 0
    after = {name: (artifacts / name).read_bytes() for name in REPORT}
    assert after["report.md"] == before["report.md"]
    assert after["results.csv"] == before["results.csv"]


def test_a_part_of_a_sweep_takes_its_runs_from_it(swept: tuple[Path, str], here: Here) -> None:
    folder, output = swept
    before = run_count(folder)
    code, part = here("--depths", "8", *TINY)
    assert code == 0
    assert part.startswith("No verdict can come of this: it needs at least two depths and at least 6 seeds.\n4 runs: ")
    assert "a verdict needs at least two depths" in part
    assert parent_id(part) != parent_id(output)
    assert run_count(folder) == before + 1  # the new parent


def test_metrics_do_not_depend_on_jobs_and_fresh_trains_anew(swept: tuple[Path, str], here: Here) -> None:
    folder, _ = swept
    together = metrics(folder)
    before = run_count(folder)
    assert here("--depths", "8", "--arms", "residual", *TINY[:-1], "1", "--fresh")[0] == 0
    assert run_count(folder) == before + 3
    assert metrics(folder) == together  # which now has the two new runs in place of the old ones


def test_networks_of_superseded_sweeps_are_deleted_on_request(swept: tuple[Path, str], here: Here) -> None:
    folder, output = swept
    alone = ["--depths", "14", "--arms", "residual", *TINY, "--experiment-name", "superseded"]
    (old, new) = (parent_id(here(*alone, *more)[1]) for more in ([], ["--fresh"]))
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    networks = {
        parent: [folder.glob(f"mlruns/*/{run_id}/artifacts/model.pt") for run_id in members_of(tags).values()]
        for parent in (old, new, parent_id(output))
        for tags in [client.get_run(parent).data.tags]
    }
    code, told = here("--prune-artifacts", "--experiment-name", "superseded")
    assert code == 0
    assert told.startswith("2 networks of superseded sweeps deleted: 0.")
    assert {parent: [len(list(paths)) for paths in of] for parent, of in networks.items()} == {
        old: [0, 0], new: [1, 1], parent_id(output): [1] * 8,
    }  # fmt: skip
    assert here("--prune-artifacts", "--experiment-name", "superseded")[1].startswith("0 networks")
    gone, *_ = members_of(client.get_run(old).data.tags).values()
    client.delete_run(gone)
    client._tracking_client.store._hard_delete_run(gone)  # as `mlflow gc` does
    assert here("--prune-artifacts", "--experiment-name", "superseded")[1].startswith("0 networks")
    assert here("--prune-artifacts", "--experiment-name", "none")[0] == 2


def member_tag(client: MlflowClient, output: str) -> str:
    """The tag of the sweep's parent that names its first plain run."""
    tags = client.get_run(parent_id(output)).data.tags
    return next(tag for tag, text in tags.items() if tag.startswith(MEMBER_TAG) and text.endswith(" plain-8-seed0"))


def test_a_stored_report_that_lacks_a_run_is_made_anew(swept: tuple[Path, str], here: Here) -> None:
    _, output = swept
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    client.delete_tag(parent_id(output), member_tag(client, output))
    report = Path(report_path(output))
    report.unlink()
    assert here("--depths", "8", "14", *TINY)[0] == 0
    assert "plain" in report.read_text()


def test_a_report_of_another_margin_is_made_anew(swept: tuple[Path, str], here: Here) -> None:
    _, output = swept
    report = Path(report_path(output))
    settings = report.with_name("settings.toml")
    settings.unlink()  # as where a store came without its files; asked for again, the sweep has them again
    for flags, words in ((["--margin", "90"], "against a change of 90,"), ([], "against a change of 1,")):
        assert here("--depths", "8", "14", *TINY, *flags)[0] == 0
        assert words in report.with_name("report.md").read_text()
        assert words in report.read_text()
    assert tomllib.loads(settings.read_text())["depths"] == [8, 14]


def test_an_export_says_where_it_is(swept: tuple[Path, str], here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    code, output = here("--report", parent_id(swept[1]), "--export", str(folder), "--width-in", "3")
    files = {path.name for path in folder.iterdir()}
    assert (code, output.splitlines()[-1]) == (0, f"Export: {len(files)} files in {folder}")
    assert {"table.tex", "curves.csv", "degradation.pdf"} <= files
    assert tomllib.loads((folder / "settings.toml").read_text())["depths"] == [8, 14]


def test_the_report_of_a_run_that_is_no_parent_is_refused(swept: tuple[Path, str], here: Here) -> None:
    _, output = swept
    parent = MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_run(parent_id(output))
    assert here("--report", members_of(parent.data.tags)["plain-8-seed0"]) == (2, "")


def test_runs_that_fail_are_named(here: Here) -> None:
    # 240 billion weights, for which there's no memory.
    code, output = here("--depths", "152", "--seeds", "1", "--width", "4096", "--jobs", "1")
    assert code == 1
    assert "tried once more" in output
    assert "failed: " in output
    report = Path(report_path(output)).read_text()
    assert "Missing: plain-152-seed0, residual-152-seed0." in report
    assert "Incomplete" in report


BAD_INPUT = {
    "--depths 19": "depth 19 does not exist (four-stage: 18, 34, 50, 101, 152;",
    "--depths 18 18": "depth 18 is given twice",
    "--dataset imagenet": "unknown data set 'imagenet'; choose from digits",
    "--arms dense": "arm 'dense': unknown variant 'dense'; choose from plain, residual",
    "--arms plain plain:shortcut=A": "arms plain and plain:shortcut=A are the same configuration",
    "--arms plain:lr=fast": "arm 'plain:lr=fast': learning rate 'fast' is no number",
    "--margin -1": "margin -1.0 is not a finite number of at least 0",
    "--probes lesions": "unknown probe 'lesions'; choose from",
    "--epochs 0": "epochs 0 is below 1",
    "--epochs many": "--epochs",
    "--batch-size 0": "batch size 0",
    "--batch-size 5000": "above the 1293 training images",
    "--lr 0": "learning rate 0.0",
    "--lr -1": "learning rate -1.0",
    "--lr nan": "learning rate nan",
    "--lr inf": "learning rate inf",
    "--device cuda": "no CUDA GPU",
    "--precision bf16 --device cpu": "bf16 needs a CUDA GPU",
    "--jobs 0": "jobs 0 is below 1",
    "--launcher dask": "unknown launcher 'dask'; choose from local, ray, slurm",
    "--launcher ray --jobs 2": "--jobs is for --launcher local: ray trains as many runs at a time as it has room for",
    "--launcher slurm --jobs 1": "--jobs is for --launcher local",
    "--launcher ray --gpus 0.5": "--gpus is for --device cuda, and the runs' device is cpu",
    "--launcher ray --gpus -1": "gpus -1.0 is not a finite number of at least 0",
    "--launcher ray --device cuda": "no GPU is here to ask; say --precision bf16 or fp32",
    "--gpus 1": "--gpus is for --launcher ray or slurm",
    "--ray-address host:1": "--ray-address is for --launcher ray",
    "--launcher ray --slurm-partition long": "--slurm-partition is for --launcher slurm",
    "--launcher slurm --slurm-time 0": "Slurm time 0 is outside 1 to 527040",
    "--threads 0": "threads 0 is outside 1 to 1024",
    "--width 5000": "width 5000 is outside 0 to 4096",
    "--checkpoint-every -1": "checkpoint-every -1 is below 0",
    "--checkpoint-dir /proc/nothing": "checkpoints can't be written to /proc/nothing",
    "--report 0123456789abcdef0123456789abcdef": "no run '0123456789abcdef0123456789abcdef'",
    "--width-in 5": "--width-in is for --export",
    "--export paper --width-in 1": "width in 1.0 is outside 2 to 20",
    "--export /proc/version": "the report can't be written to /proc/version: no permission for /proc/version",
    "--nonsense 3": "--nonsense",
}


def test_bad_input_gets_one_line_before_anything_heavy_is_imported_or_written(tmp_path: Path) -> None:
    check_bad_input("experiments.degradation", BAD_INPUT, tmp_path)


def test_bad_input_ends_with_exit_code_2(tmp_path: Path) -> None:
    done = command(tmp_path, "--depths", "19")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
