"""One run, left and taken up again in this process."""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from plainres.analysis.trained import load_run
from plainres.errors import BadInput
from plainres.probes import PROBES
from plainres.running import tracked_run as run_training
from plainres.running.events import Elsewhere, Failed, Finished, Notice, Outcome, Progress, Pruned, Started, Stopped
from plainres.running.folders import Job, check_root, run_folder
from plainres.running.tracked_run import Hooks, train_run
from plainres.settings import RunConfig
from plainres.system.stopping import StopSignal
from plainres.tracking import claims, outages, run_log
from plainres.tracking.artifacts import download_artifact
from plainres.tracking.runs import finished_run, finished_runs
from plainres.tracking.source import CODE
from plainres.training import EpochRecord, Trainer
from tests.faults.stored import History, histories, weights, without_times
from tests.small_disk import mounted

Left = Callable[..., list[Progress | Notice]]


@pytest.fixture(scope="module")
def config(tiny: Callable[..., RunConfig]) -> RunConfig:
    """With everything that a resumed run could get wrong: momentum, a schedule with warm-up, random crops."""
    return tiny(
        "residual", batch_size=256, epochs=6, schedule="step", warmup_epochs=1, augment="crop-flip", shortcut="B"
    )


@pytest.fixture(scope="module")
def undisturbed(config: RunConfig) -> tuple[History, dict[str, torch.Tensor]]:
    """The metrics and weights that the library's own iterator gives."""
    trainer = Trainer(config)
    history: History = {}
    for record in trainer:
        for metric, value in record.metrics.items():
            history.setdefault(metric, []).append((record.epoch, value))
    return without_times(history), trainer.network.state_dict()


def train(
    config: RunConfig, job: Job, *, patient: bool = False, stop_after: int | None = None, hooks: Hooks | None = None
) -> tuple[Outcome, str]:
    """Train, with SIGTERM in the epoch after `stop_after`; the outcome, and what a person was told."""
    stop = StopSignal()
    notices = []

    def tell(event: Started | Progress | Notice) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)
        elif isinstance(event, Progress) and event.epoch == stop_after:
            signal.setitimer(signal.ITIMER_REAL, 0.05)

    before = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)]
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    stop.listen()
    try:
        outcome = train_run(config, job, tell, patient=patient, stop=stop, hooks=hooks)
    finally:
        for number, handler in zip((signal.SIGALRM, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    return outcome, "\n".join(notices)


def folder_of(config: RunConfig, job: Job) -> Path:
    return run_folder(job.checkpoints, job.experiment.tracking_uri, job.experiment.experiment_id, config).path


def check(job: Job, outcome: Outcome, undisturbed: tuple[History, dict[str, torch.Tensor]]) -> None:
    """The run in the store is the undisturbed one, to the bit, and nothing is left beside it."""
    assert isinstance(outcome, Finished)
    ((run_id, history),) = histories(job.experiment.tracking_uri, "somewhere").values()
    assert outcome.run_id == run_id
    assert without_times(history) == undisturbed[0]
    assert [step for step, _ in history["images_per_second"]] == [1, 2, 3, 4, 5, 6]
    stored = weights(Path.cwd(), run_id)
    assert all(torch.equal(stored[name], value) for name, value in undisturbed[1].items())
    assert job.experiment.client.get_run(run_id).info.status == "FINISHED"
    assert not folder_of(outcome.config, job).exists()


@pytest.mark.parametrize("every", [0, 1, 2])
def test_a_stopped_run_goes_on_to_the_bit_in_the_same_mlflow_run(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]], every: int
) -> None:
    job = Job(job.experiment, job.parent_run_id, "", job.source, job.checkpoints, every)
    assert isinstance(train(config, job, stop_after=1)[0], Stopped)
    ((run_id, history),) = histories(job.experiment.tracking_uri, "somewhere").values()
    assert job.experiment.client.get_run(run_id).info.status == "KILLED"
    assert [step for step, _ in history["loss/train"]] == [1]
    outcome, told = train(config, job, stop_after=4)
    assert isinstance(outcome, Stopped)
    assert "goes on after epoch 1" in told
    outcome, told = train(config, job)
    assert "goes on after epoch 4" in told or every != 1
    check(job, outcome, undisturbed)


def test_who_follows_a_run_gets_every_record_once_over_a_break(config: RunConfig, job: Job) -> None:
    known, trained, started = [], [], []

    def record(_: Trainer, record: EpochRecord) -> bool:
        trained.append(record)
        return False

    def finish(trainer: Trainer, artifacts: Path) -> None:
        (artifacts / "note.txt").write_text(f"{trainer.epoch} epochs")

    hooks = Hooks(
        tags={"colour": "blue", "mlflow.runName": "by another name"},
        on_known=known.append,
        on_start=lambda trainer: started.append(trainer.epoch),
        on_record=record,
        on_trained=finish,
    )
    train(config, job, stop_after=3)
    outcome, _ = train(config, job, hooks=hooks)
    assert isinstance(outcome, Finished)
    assert started == [3]
    assert [record.epoch for record in known] == [0, 1, 2, 3]
    assert [record.epoch for record in trained] == [4, 5, 6]
    assert outcome.metrics == trained[-1].metrics
    run = job.experiment.client.get_run(outcome.run_id)
    assert (run.info.run_name, run.data.tags["colour"]) == ("by another name", "blue")
    assert next(Path.cwd().glob(f"mlruns/*/{outcome.run_id}/artifacts/note.txt")).read_text() == "6 epochs"


def test_a_pruned_run_ends_as_killed_and_counts_for_nothing(config: RunConfig, job: Job) -> None:
    hooks = Hooks(on_record=lambda _, record: record.epoch == 2)
    outcome, _ = train(config, job, hooks=hooks)
    assert isinstance(outcome, Pruned)
    assert outcome.epoch == 2
    run = job.experiment.client.get_run(outcome.run_id)
    assert (run.info.status, run.data.tags["pruned_epoch"]) == ("KILLED", "2")
    assert not folder_of(config, job).exists()
    again, _ = train(config, job)
    assert isinstance(again, Finished)
    assert again.run_id != outcome.run_id


def newest(folder: Path) -> Path:
    return max(folder.glob("epoch-*.pt"))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncated, bit_flipped, emptied])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    config: RunConfig,
    job: Job,
    undisturbed: tuple[History, dict[str, torch.Tensor]],
    damage: Callable[[Path], None],
) -> None:
    train(config, job, stop_after=3)
    folder = folder_of(config, job)
    assert len(list(folder.glob("epoch-*.pt"))) == 2
    damage(newest(folder))
    outcome, told = train(config, job)
    assert "epoch-0000003" in told
    assert "is damaged" in told
    assert "goes on after epoch 2" in told
    check(job, outcome, undisturbed)


def test_with_every_checkpoint_damaged_a_run_begins_anew(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    train(config, job, stop_after=3)
    for path in folder_of(config, job).glob("epoch-*.pt"):
        emptied(path)
    check(job, train(config, job)[0], undisturbed)


def of_another_version(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Make a checkpoint that is whole, and not what this version writes."""
    buffer = BytesIO()
    torch.save(change(torch.load(path, weights_only=True)), buffer)
    path.unlink()
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:16]
    path.with_name(f"{path.name[:13]}-{digest}.pt").write_bytes(buffer.getvalue())


OTHER_VERSIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a key is missing": lambda state: {name: value for name, value in state.items() if name != "order"},
    "layers have other names": lambda state: {
        **state, "network": {f"module.{name}": value for name, value in state["network"].items()}
    },
    "it is no dictionary": lambda state: list(state),
    "another configuration's": lambda state: {**state, "config_hash": "0123"},
}  # fmt: skip


@pytest.mark.parametrize("version", OTHER_VERSIONS)
@pytest.mark.parametrize("whole", [0, 1])
def test_a_whole_checkpoint_of_another_version_is_set_aside(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]], version: str, whole: int
) -> None:
    train(config, job, stop_after=3)
    folder = folder_of(config, job)
    for path in sorted(folder.glob("epoch-*.pt"))[whole:]:
        of_another_version(path, OTHER_VERSIONS[version])
    (folder / f"epoch-0000003-{'0' * 16}.pt").mkdir()
    outcome, told = train(config, job)
    assert told.count("it is set aside") == 2 - whole
    assert ("goes on after epoch 2" in told) == bool(whole)
    check(job, outcome, undisturbed)


@pytest.mark.parametrize("damage", [truncated, bit_flipped, emptied])
def test_a_damaged_journal_is_used_as_far_as_it_is_whole(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]], damage: Callable[[Path], None]
) -> None:
    train(config, job, stop_after=3)
    damage(folder_of(config, job) / "journal")
    outcome, _ = train(config, job)
    if damage is emptied:  # then nothing tells that the MLflow run is this one's: a new one is made
        assert isinstance(outcome, Finished)
        client = job.experiment.client
        statuses = [run.info.status for run in client.search_runs(["1"], "tags.config_hash LIKE '%'")]
        assert sorted(statuses) == ["FINISHED", "KILLED"]
    else:
        check_losses(job, outcome, undisturbed[0])


def test_one_damaged_line_of_a_journal_costs_no_checkpoint(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    train(config, job, stop_after=3)
    journal = folder_of(config, job) / "journal"
    first = next(line for line in journal.read_bytes().splitlines() if b"initial_grad_norm" in line)
    journal.write_bytes(journal.read_bytes().replace(first, first.replace(b"initial", b"inItial")))
    outcome, notices = train(config, job)
    assert "goes on after epoch 3" in notices
    check(job, outcome, undisturbed)


def test_a_run_that_lost_its_journal_does_not_keep_the_checkpoints_of_before(config: RunConfig, job: Job) -> None:
    train(config, job, stop_after=4)
    emptied(folder_of(config, job) / "journal")
    train(config, job, stop_after=2)
    assert "goes on after epoch 2" in train(config, job)[1]


def check_losses(job: Job, outcome: Outcome, expected: History) -> None:
    """What was retrained since the damage was logged already, and is so twice only with a time of its own."""
    assert isinstance(outcome, Finished)
    ((_, history),) = histories(job.experiment.tracking_uri, "somewhere").values()
    assert sorted(set(history["loss/train"])) == expected["loss/train"]


def test_no_pickle_is_read(config: RunConfig, job: Job, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "evil"),)

    train(config, job, stop_after=1)
    path = newest(folder_of(config, job))
    torch.save({"epoch": 1, "network": Evil()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    path.rename(path.with_name(f"epoch-0000001-{digest}.pt"))
    outcome, told = train(config, job)
    assert isinstance(outcome, Finished)
    assert "is damaged" in told
    assert not (tmp_path / "evil").exists()


def test_a_run_that_another_process_trains_is_left_alone(config: RunConfig, job: Job) -> None:
    with job.folder_of(config).held() as held:
        assert held
        assert isinstance(train(config, job)[0], Elsewhere)
    assert not histories(job.experiment.tracking_uri, "somewhere")


def test_a_run_that_another_process_has_finished_is_not_trained_again(job: Job, tiny: Callable[..., RunConfig]) -> None:
    first, _ = train(tiny(epochs=1), job)
    again, _ = train(tiny(epochs=1), job)
    assert isinstance(first, Finished)
    assert isinstance(again, Finished)
    assert first.run_id == again.run_id
    assert first.metrics.items() <= again.metrics.items()  # of all epochs, where the first tells the last one's
    assert len(histories(job.experiment.tracking_uri, "somewhere")) == 1


@pytest.fixture
def elsewhere(job: Job, tmp_path: Path) -> Job:
    """The same sweep on a machine that shares the store and no folder."""
    return replace(job, checkpoints=tmp_path / "elsewhere")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are soon over, and a store that is told of every epoch."""
    monkeypatch.setattr(claims, "SECONDS_WITHOUT_PROGRESS", 0.2)
    monkeypatch.setattr(claims, "SECONDS_TO_SETTLE", 0.01)
    monkeypatch.setattr(run_training, "SECONDS_BETWEEN_SIGNS", 0.01)
    monkeypatch.setattr(run_training, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(run_log, "SECONDS_BETWEEN_SENDS", 0.0)


def test_a_run_that_another_machine_trains_is_left_alone_and_then_taken(
    config: RunConfig, job: Job, elsewhere: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    outcomes = []

    def meet(_: Trainer, record: EpochRecord) -> bool:
        if record.epoch == 2:
            outcomes.append(train_run(config, elsewhere, lambda _: None, patient=False, stop=StopSignal()))
        return False

    finished, _ = train(config, job, hooks=Hooks(on_record=meet))
    assert outcomes == [Elsewhere(config)]
    check(job, finished, undisturbed)
    assert isinstance(finished, Finished)
    taken, told = train(config, elsewhere)
    assert isinstance(taken, Finished)
    assert taken.run_id == finished.run_id
    assert "is trained already" in told


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("may_delete", [True, False])
def test_who_sees_another_in_the_moment_of_its_own_claim_takes_it_back(
    config: RunConfig, job: Job, monkeypatch: pytest.MonkeyPatch, may_delete: bool
) -> None:
    client = job.experiment.client
    tags = {"config_hash": config.config_hash, "attempt": "another's", "progress": "0"}
    other = client.create_run("1", tags=tags).info.run_id
    monkeypatch.setattr(run_training, "claims_of_others", lambda *_: {})  # as a moment before

    def refuse(*_: object) -> None:
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    if not may_delete:
        monkeypatch.setattr(MlflowClient, "delete_run", refuse)
    assert isinstance(train(config, job)[0], Elsewhere)
    own = client.search_runs(["1"], f"tags.config_hash LIKE '%' AND attributes.run_id != '{other}'")
    assert [run.info.status for run in own] == ([] if may_delete else ["KILLED"])
    assert client.get_run(other).info.status == "RUNNING"


@pytest.mark.usefixtures("quick")
def test_a_run_whose_machine_is_gone_is_trained_by_who_waits_for_it_and_what_that_left_stays(
    config: RunConfig, job: Job, elsewhere: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    client = job.experiment.client
    train(config, job, stop_after=2)
    ((left, _),) = histories(job.experiment.tracking_uri, "somewhere").values()
    client.update_run(left, "RUNNING")  # as a kill leaves it
    before = client.get_run(left).to_dictionary()
    assert isinstance(train(config, elsewhere)[0], Elsewhere)
    outcome, told = train(config, elsewhere, patient=True)
    assert "has not got on for" in told
    assert "it is trained here too, from the beginning on" in told
    assert client.get_run(left).to_dictionary() == before
    client.delete_run(left)
    check(elsewhere, outcome, undisturbed)
    assert isinstance(outcome, Finished)
    back, _ = train(config, job)
    assert isinstance(back, Finished)
    assert back.run_id == outcome.run_id
    assert not folder_of(config, job).exists()


@pytest.mark.usefixtures("quick")
def test_of_two_that_finish_the_same_run_the_first_counts_and_the_second_says_so(
    config: RunConfig, job: Job, elsewhere: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_training, "SECONDS_BETWEEN_SIGNS", 1000)  # so that the first seems to stand still
    other = []

    def meet(_: Trainer, record: EpochRecord) -> bool:
        if record.epoch == 2:
            other.append(train_run(config, elsewhere, lambda _: None, patient=True, stop=StopSignal()))
        return False

    outcome, told = train(config, job, hooks=Hooks(on_record=meet))
    assert isinstance(outcome, Finished)
    assert isinstance(other[0], Finished)
    assert outcome.run_id == other[0].run_id
    assert "another process has finished it meanwhile, and that run counts" in told
    runs = {run.info.run_id: run for run in job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(runs) == 2
    (second,) = runs.keys() - {outcome.run_id}
    assert runs[second].data.tags["same_as"] == outcome.run_id
    assert "same_as" not in runs[outcome.run_id].data.tags
    assert without_times(runs[second].data.metrics) == without_times(runs[outcome.run_id].data.metrics)
    assert finished_run(job.experiment, config) == finished_runs(job.experiment, [config])[config] == outcome.run_id
    assert not list(job.checkpoints.glob("*-seed*"))


def test_a_run_whose_end_was_stored_though_the_answer_was_lost_is_no_second_one(
    job: Job, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    end, lost = MlflowClient.set_terminated, []

    def end_and_lose(self: MlflowClient, *of_run: Any) -> None:
        end(self, *of_run)
        if not lost:
            lost.append(of_run)
            raise MlflowException("the connection was cut", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(MlflowClient, "set_terminated", end_and_lose)
    monkeypatch.setattr(outages, "SECONDS_BETWEEN_TRIES", 0.01)
    outcome, told = train(tiny(epochs=1), job, patient=True)
    assert lost
    assert isinstance(outcome, Finished)
    assert "another process" not in told
    assert "same_as" not in job.experiment.client.get_run(outcome.run_id).data.tags


def test_copies_of_a_folder_are_told_to_runs_of_their_own(
    config: RunConfig, job: Job, elsewhere: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    train(config, job, stop_after=2)
    shutil.copytree(job.checkpoints, elsewhere.checkpoints)
    client = job.experiment.client
    (before,) = client.search_runs(["1"], "tags.config_hash LIKE '%'")
    outcome, told = train(config, elsewhere, stop_after=4)
    assert isinstance(outcome, Stopped)
    assert "goes on after epoch 2" in told
    assert client.get_run(before.info.run_id).to_dictionary() == before.to_dictionary()
    (copy,) = client.search_runs(["1"], f"tags.config_hash LIKE '%' AND attributes.run_id != '{before.info.run_id}'")
    assert [point.step for point in client.get_metric_history(copy.info.run_id, "loss/train")] == [1, 2, 3, 4]
    outcome, told = train(config, job)
    assert isinstance(outcome, Finished)
    assert outcome.run_id == before.info.run_id
    client.delete_run(copy.info.run_id)
    check(job, outcome, undisturbed)


@pytest.mark.usefixtures("quick")
def test_a_folder_that_another_machine_holds_is_left_as_it_is_and_gone_on_from(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    train(config, job, stop_after=2)
    folder = folder_of(config, job)
    holder = job.checkpoints / "locks" / f"{folder.name}.holder"
    holder.write_text("another-machine")  # whose lock doesn't reach this one
    left = {path: path.read_bytes() for path in folder.iterdir()}
    (before,) = job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")
    assert isinstance(train(config, job)[0], Elsewhere)
    outcome, told = train(config, job, patient=True)
    assert "it is trained here too, from its checkpoint on" in told
    assert "goes on after epoch 2" in told
    assert {path: path.read_bytes() for path in folder.iterdir()} == left
    assert list(job.checkpoints.glob("*-seed*")) == [folder]
    assert job.experiment.client.get_run(before.info.run_id).to_dictionary() == before.to_dictionary()
    job.experiment.client.delete_run(before.info.run_id)
    holder.unlink()
    job.folder_of(config).clear(before.info.run_id, "")
    check(job, outcome, undisturbed)


@pytest.mark.parametrize("content", [None, b"", b'00000000 {"attem'], ids=["no journal", "an empty one", "a torn one"])
def test_the_folder_of_a_process_that_was_killed_before_its_first_line_goes_with_the_run(
    config: RunConfig, job: Job, content: bytes | None
) -> None:
    copy = folder_of(config, job).with_name(f"{folder_of(config, job).name}-0123ab")
    copy.mkdir(parents=True)
    if content is not None:
        (copy / "journal").write_bytes(content)
    outcome, _ = train(config, job)
    assert isinstance(outcome, Finished)
    assert not copy.exists()


@pytest.mark.parametrize("holder", [None, "", socket.gethostname()])
def test_what_a_kill_or_a_loss_of_power_leaves_of_a_lock_holds_up_nobody(
    config: RunConfig, job: Job, holder: str | None
) -> None:
    name = folder_of(config, job).name
    locks = job.checkpoints / "locks"
    locks.mkdir(parents=True)
    (locks / f"{name}.lock").touch()
    if holder is not None:
        (locks / f"{name}.holder").write_text(holder)
    with job.folder_of(config).held() as held:
        assert held
        with job.folder_of(config).held() as again:
            assert not again
    assert not (locks / f"{name}.holder").exists()


@pytest.mark.usefixtures("quick")
def test_a_process_of_this_machine_that_stands_still_is_waited_for_only_for_a_while(
    job: Job, tiny: Callable[..., RunConfig]
) -> None:
    config = tiny(epochs=1)
    with job.folder_of(config).held():
        outcome, told = train(config, job, patient=True)
    assert "has not got on for" in told
    assert isinstance(outcome, Finished)


def test_a_run_that_other_code_has_begun_begins_anew_unless_any_code_is_asked_for(
    config: RunConfig, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config, replace(job, source=replace(job.source, commit="old")), stop_after=2)
    monkeypatch.setattr(run_training, "CODE", "other")
    other = replace(job, source=replace(job.source, commit="new", code="other"))
    outcome, told = train(config, replace(other, any_code=True), stop_after=4)
    assert isinstance(outcome, Stopped)
    assert "other code of plainres has begun it: it goes on all the same" in told
    assert "goes on after epoch 2" in told
    (mixed,) = job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")
    assert mixed.data.tags["code"] == f"{CODE}, then other"
    assert mixed.data.tags["commit"] == "old, then new"

    outcome, told = train(config, other)
    assert isinstance(outcome, Finished)
    assert outcome.run_id != mixed.info.run_id
    assert "other code of plainres has begun it: it begins anew (--any-code goes on)" in told
    assert "goes on after" not in told
    assert job.experiment.client.get_run(outcome.run_id).data.tags["code"] == "other"


def test_a_run_is_not_trained_by_other_code_than_the_command_began_with(config: RunConfig, job: Job) -> None:
    outcome, _ = train(config, replace(job, source=replace(job.source, code="of an hour ago")))
    assert isinstance(outcome, Failed)
    assert "is not what this began with (of an hour ago): begin it again" in outcome.reason
    assert not outcome.worth_a_retry
    assert not job.checkpoints.exists()


def test_a_run_deleted_in_mlflow_is_told_anew(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]]
) -> None:
    train(config, job, stop_after=3)
    ((run_id, _),) = histories(job.experiment.tracking_uri, "somewhere").values()
    job.experiment.client.delete_run(run_id)
    check(job, train(config, job)[0], undisturbed)


def test_a_fresh_sweep_does_not_go_on_from_an_older_one(config: RunConfig, job: Job) -> None:
    train(config, job, stop_after=3)
    later = Job(job.experiment, job.parent_run_id, "a fresh sweep", job.source, job.checkpoints, 1)
    assert isinstance(train(config, later, stop_after=1)[0], Stopped)
    assert len(job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")) == 2


def test_a_diverged_run_is_recorded_with_its_epoch(job: Job, tiny: Callable[..., RunConfig]) -> None:
    outcome, _ = train(tiny(lr=1e30), job)
    assert isinstance(outcome, Finished)
    assert outcome.diverged == 1
    run = job.experiment.client.get_run(outcome.run_id)
    assert (run.info.status, run.data.tags["diverged"]) == ("FINISHED", "1")
    assert run.data.metrics["final/train_error"] == outcome.train_error > 0.8


def test_bad_input_that_only_a_worker_finds_is_not_tried_again(
    job: Job, tiny: Callable[..., RunConfig], tmp_path: Path
) -> None:
    outcome, _ = train(tiny(dataset="imagefolder", data_dir=str(tmp_path / "nowhere")), job)
    assert isinstance(outcome, Failed)
    assert not outcome.worth_a_retry


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    with mounted(tmp_path / "disk", "2m") as disk:
        yield disk


def test_a_read_only_or_nearly_full_disk_is_found_before_training(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"2 MB of disk space are free, and 64 MB are the least \(--checkpoint-dir\)"):
        check_root(small_disk / "checkpoints")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BadInput, match=f"no permission for {small_disk}"):
        check_root(small_disk / "checkpoints")
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(BadInput, match=r"temporary files can't be written to .*\(TMPDIR\)"):
        check_root(tmp_path)


def test_memory_that_runs_out_comes_with_a_hint(
    job: Job, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")

    monkeypatch.setattr(run_training, "Trainer", run_out)
    outcome, _ = train(tiny(), job)
    assert isinstance(outcome, Failed)
    assert outcome.reason == (
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.; a smaller --batch-size or fewer --jobs "
        "need less"
    )
    (run,) = job.experiment.client.search_runs(["1"], "tags.config_hash LIKE '%'")
    assert run.info.status == "FAILED"
    assert finished_run(job.experiment, tiny()) is None
    assert list(Path.cwd().glob(f"mlruns/*/{run.info.run_id}/artifacts/traceback.txt"))


@pytest.mark.cuda
def test_memory_of_a_gpu_that_runs_out_is_one_line_and_the_next_run_trains(
    job: Job, tiny: Callable[..., RunConfig]
) -> None:
    torch.cuda.set_per_process_memory_fraction(1e-3)  # some 100 MB, less than the images of one layer take
    try:
        outcome, _ = train(tiny(width=256, batch_size=1024, device="cuda"), job)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(outcome, Failed)
    assert re.fullmatch(
        r"OutOfMemoryError: CUDA out of memory.*; a smaller --batch-size or fewer --jobs need less", outcome.reason
    )
    assert isinstance(train(tiny(device="cuda"), job)[0], Finished)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_what_to_do(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]], small_disk: Path
) -> None:
    job = Job(job.experiment, job.parent_run_id, "", job.source, small_disk, 1)
    train(config, job, stop_after=2)
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(b"\0" * free)
    outcome, told = train(config, job)
    assert isinstance(outcome, Failed)
    assert "No space left on device; free some space: the same command goes on from the last checkpoint" in (
        outcome.reason
    )
    assert len(list(folder_of(config, job).glob("epoch-*.pt"))) == 2
    filler.unlink()
    outcome, told = train(config, job)
    assert "goes on after epoch 2" in told
    check(job, outcome, undisturbed)


def test_a_disk_too_full_for_a_checkpoint_does_not_stop_the_training(
    config: RunConfig, job: Job, undisturbed: tuple[History, dict[str, torch.Tensor]], small_disk: Path
) -> None:
    # A checkpoint holds the weights and as much momentum, 185 kB; the model that is stored at the end half of it.
    (small_disk / "filler").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - 150_000))
    job = Job(job.experiment, job.parent_run_id, "", job.source, small_disk, 1)
    outcome, told = train(config, job)
    assert told == "checkpoints can't be written (No space left on device): training goes on without"
    check(job, outcome, undisturbed)


def test_a_network_is_stored_as_an_archive_that_needs_no_plainres(tiny: Callable[..., RunConfig], job: Job) -> None:
    config = tiny("residual", epochs=1, save_model="pt2")
    outcome, _ = train(config, job)
    assert isinstance(outcome, Finished)
    path = download_artifact(job.experiment.tracking_uri, outcome.run_id, "model.pt2", Path.cwd())
    run = load_run(outcome.run_id, job.experiment.tracking_uri)
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(torch.export.load(path).module()(images), run.network(images))
    assert finished_run(job.experiment, tiny("residual", epochs=1)) == outcome.run_id  # asked for or not


def test_the_machine_is_watched_on_request(
    tiny: Callable[..., RunConfig], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    known = {}
    for asked in (False, True):
        outcome, _ = train(tiny(epochs=3, seed=int(asked), system_metrics=asked), job)
        assert isinstance(outcome, Finished)
        known[asked] = job.experiment.client.get_run(outcome.run_id).data.metrics
    assert "system/cpu_utilization_percentage" in known[True]
    assert not [name for name in known[False] if name.startswith("system/")]


def test_every_probe_is_stored_with_the_epoch_as_step(job: Job, tiny: Callable[..., RunConfig]) -> None:
    config = tiny(epochs=2, train_images=200, test_images=100, probes=PROBES)
    outcome, _ = train(config, job)
    assert isinstance(outcome, Finished)
    client = job.experiment.client
    stored = client.get_run(outcome.run_id).data.metrics
    for metric in (
        "gradient_coherence/layer1.0",
        "growth_rate/gradient_norm",
        "response/layer1.0",
        "lesion/none",
        "sharpness/top_eigenvalue",
        "landscape/-0.5",
        "landscape/0.5",
    ):
        assert metric in stored
        assert [entry.step for entry in client.get_metric_history(outcome.run_id, metric)] == [0, 1, 2]
