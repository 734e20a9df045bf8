import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from plainres.errors import BadInput
from plainres.tracking.artifacts import artifact_location, download_artifact, log_artifact, log_text
from plainres.tracking.runs import Experiment, open_experiment

TEXT = "what was measured"


def stored(folder: Path) -> tuple[Experiment, str]:
    """A run with one file, in the store of a folder."""
    experiment = open_experiment(f"sqlite:///{folder / 'mlflow.db'}", "an experiment: ../x")
    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    log_text(experiment.tracking_uri, run_id, TEXT, "report.md")
    return experiment, run_id


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def clone(template_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty store, which is the working folder."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(template_database, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("copied", [False, True], ids=["moved", "copied"])
def test_files_are_found_and_written_where_the_store_now_lies(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    experiment, run_id = stored(clone)
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(clone, there)
    if not copied:
        shutil.rmtree(clone)
    before = files(clone)
    uri = f"sqlite:///{there / 'mlflow.db'}"
    assert download_artifact(uri, run_id, "report.md", tmp_path).read_text() == TEXT
    log_text(uri, run_id, "more", "more.md")
    new = MlflowClient(uri).create_run(experiment.experiment_id).info.run_id
    log_text(uri, new, "new", "new.md")
    for name, of_run in {"more.md": run_id, "new.md": new}.items():
        assert Path(artifact_location(uri, of_run)).is_relative_to(there)
        assert (Path(artifact_location(uri, of_run)) / name).exists()
    assert files(clone) == before
    assert clone.exists() == copied


def test_a_store_with_mlflows_own_paths_may_be_moved(clone: Path, tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{clone / 'mlflow.db'}")
    run_id = client.create_run(client.create_experiment("of before", str(clone / "mlruns" / "1"))).info.run_id
    client.log_text(run_id, TEXT, "report.md")
    shutil.move(clone, tmp_path / "moved")
    uri = f"sqlite:///{tmp_path / 'moved' / 'mlflow.db'}"
    assert download_artifact(uri, run_id, "report.md", tmp_path).read_text() == TEXT
    assert artifact_location(uri, run_id) == str(tmp_path / "moved" / "mlruns" / "1" / run_id / "artifacts")


def test_files_that_lie_in_another_folder_than_their_store_stay_there(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    uri = f"sqlite:///{clone / 'mlflow.db'}"
    client = MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("of before", str(working / "mlruns" / "1"))).info.run_id
    client.log_text(run_id, TEXT, "report.md")
    assert download_artifact(uri, run_id, "report.md", tmp_path).read_text() == TEXT
    log_text(uri, run_id, "more", "more.md")
    assert files(working) == {"report.md", "more.md"}


def test_files_that_were_left_behind_are_not_taken_for_those_beside_the_store(clone: Path, tmp_path: Path) -> None:
    _, run_id = stored(clone)
    there = tmp_path / "there"
    shutil.copytree(clone, there)
    (clone / "mlflow.db").unlink()
    assert Path(artifact_location(f"sqlite:///{there / 'mlflow.db'}", run_id)).is_relative_to(there)


@pytest.mark.parametrize("name", ["a#b", "a?b", "100%", "a%41b", "a b", "ü;&="])
def test_every_file_lands_in_a_folder_of_any_name(clone: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = clone.rename(clone.with_name(name))
    monkeypatch.chdir(folder)
    # MLflow keeps one store for a URI, whatever the working folder: one that no other test has.
    uri = f"sqlite:///{'./' * (2 + ord(name[1]) + len(name))}mlflow.db"
    experiment = open_experiment(uri, "somewhere")
    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    log_text(uri, run_id, TEXT, "report.md")
    (folder / "table.csv").write_text("1")
    log_artifact(uri, run_id, folder / "table.csv")
    artifacts = Path(artifact_location(uri, run_id))
    assert artifacts.resolve().is_relative_to(folder)
    assert {path.name for path in artifacts.iterdir()} == {"report.md", "table.csv"}
    assert [path.name for path in folder.parent.iterdir()] == [name]
    # MLflow's own client, and so its UI, finds them too.
    assert {file.path for file in experiment.client.list_artifacts(run_id)} == {"report.md", "table.csv"}


def test_a_missing_file_is_told(clone: Path, tmp_path: Path) -> None:
    experiment, run_id = stored(clone)
    with pytest.raises(MlflowException, match=r"model\.pt"):
        download_artifact(experiment.tracking_uri, run_id, "model.pt", tmp_path)


@pytest.mark.parametrize(
    ("location", "words"),
    [("file:///proc/nothing", "No such file or directory"), ("s3://bucket/path", "boto3|credentials")],
)
def test_a_place_where_no_file_can_be_stored_is_said_at_the_start(clone: Path, location: str, words: str) -> None:
    uri = f"sqlite:///{clone / 'mlflow.db'}"
    MlflowClient(uri).create_experiment("there", location)
    with pytest.raises(BadInput, match=f"files can't be stored at {location}: .*({words})"):
        open_experiment(uri, "there")


def test_trying_whether_files_can_be_stored_leaves_none(clone: Path) -> None:
    uri = f"sqlite:///{clone / 'mlflow.db'}"
    open_experiment(uri, "there")
    assert not [path for path in (clone / "mlruns").rglob("*") if path.is_file()]
    assert not list((clone / "mlruns").rglob("tried"))
