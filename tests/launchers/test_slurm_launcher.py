"""What a command makes of the files that Slurm's jobs leave; `tests/engines` has real jobs."""

import json
import pickle
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from plainres.launchers import slurm_commands, slurm_launcher
from plainres.launchers.launcher import Died, Returned, Task, Told
from plainres.launchers.slurm_job import SlurmJob
from plainres.launchers.slurm_launcher import SlurmLauncher
from plainres.running.events import Failed, Finished, Notice
from plainres.settings import RunConfig

ARRAY = "12"


def submission(folder: Path, keys: list[str], array: str = ARRAY) -> Path:
    """As a command leaves it that was ended when it had submitted these tasks."""
    place = folder / f"plainres-{array}"
    place.mkdir(parents=True)
    (place / slurm_launcher.KEYS).write_text(json.dumps(keys))
    (place / slurm_launcher.ID).write_text(array)
    return place


def write_result(place: Path, number: int, value: object) -> None:
    """As submitit writes it when a job of an array has ended."""
    (place / f"{ARRAY}_{number}_0_result.pkl").write_bytes(pickle.dumps(("success", (Returned, value))))


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmLauncher:
    """Of a Slurm whose queue is empty."""
    monkeypatch.setattr(slurm_commands, "states", dict)
    monkeypatch.setattr(slurm_commands, "largest_array", lambda: 1000)  # what its commands say where they are installed
    monkeypatch.setattr(slurm_commands, "last_state", lambda _: "UNKNOWN")
    monkeypatch.setattr(slurm_launcher, "SECONDS_TO_WAIT", 0.01)
    return SlurmLauncher(1, 0, "", 60, tmp_path / "slurm", print)


def test_a_torn_line_of_what_a_job_told_costs_no_other(launcher: SlurmLauncher, tiny: Callable[..., RunConfig]) -> None:
    place = submission(launcher.folder, ["a", "b"])
    job = SlurmJob(print, place / "told-0")
    running = launcher.run(tasks(["a", "b"]))
    assert next(running) is None
    for number, notice in enumerate([Notice(tiny(), "one"), Notice(tiny(), "two"), Notice(tiny(), "three")]):
        job._tell(notice)
        if number == 1:  # as the end of a file system's last block
            job.told.write_bytes(job.told.read_bytes()[:-100] + b"\n")
    write_result(place, 0, Finished(tiny(), "id", {}))
    seen = [next(running), next(running), next(running)]
    assert [happening.message.text for happening in seen if isinstance(happening, Told)] == ["one", "three"]
    assert isinstance(seen[2], Returned)


def test_what_a_limit_refuses_is_submitted_in_smaller_parts_and_the_rest_when_others_have_ended(
    launcher: SlurmLauncher, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most, submitted = 3, list[list[str]]()

    def submit(_: SlurmLauncher, new: Sequence[Task]) -> list[object]:
        there = sum(1 for _ in launcher.folder.glob("*/*_result.pkl"))
        if len(new) + sum(map(len, submitted)) - there > at_most:
            raise RuntimeError("sbatch: error: AssocMaxSubmitJobLimit")
        submitted.append([task.key for task in new])
        return list(slurm_launcher._jobs_in(submission(launcher.folder, submitted[-1], f"{len(submitted) - 1}")))

    monkeypatch.setattr(SlurmLauncher, "_submit", submit)
    ended = []
    for happening in launcher.run(tasks(list("abcdefg"))):
        if isinstance(happening, Returned):
            ended.append(happening.task.key)
        elif not happening and len(ended) < 7:  # the oldest job ends
            array, keys = next((n, keys) for n, keys in enumerate(submitted) if set(keys) - set(ended))
            number = next(number for number, key in enumerate(keys) if key not in ended)
            name = f"{array}_0_result.pkl" if len(keys) == 1 else f"{array}_{number}_0_result.pkl"
            path = launcher.folder / f"plainres-{array}" / name
            path.write_bytes(pickle.dumps(("success", (Returned, Failed(tiny(), "done")))))
    assert sorted(ended) == list("abcdefg")
    assert sorted(key for keys in submitted for key in keys) == list("abcdefg")
    assert len(submitted[0]) == 3


def test_after_a_refusal_with_nothing_in_flight_the_next_try_is_submitted(
    launcher: SlurmLauncher, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([RuntimeError("sbatch: error: Slurm is away")])

    def submit(_: SlurmLauncher, new: Sequence[Task]) -> list[object]:
        for error in refusals:
            raise error
        place = submission(launcher.folder, [task.key for task in new])
        (place / f"{ARRAY}_0_result.pkl").write_bytes(pickle.dumps(("success", (Returned, Finished(tiny(), "id", {})))))
        return list(slurm_launcher._jobs_in(place))

    monkeypatch.setattr(SlurmLauncher, "_submit", submit)
    queue = tasks(["a"])
    ends = []
    for happening in launcher.run(queue):
        if isinstance(happening, Died):
            assert "Slurm refuses: sbatch: error: Slurm is away" in happening.reason
            queue.append(happening.task)  # as who asked for it does, once
        if happening:
            ends.append(type(happening))
    assert ends == [Died, Returned]


def test_a_job_that_ended_without_a_result_while_no_command_waited_is_submitted_anew(
    launcher: SlurmLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission(launcher.folder, ["a", "b"])
    submitted: list[str] = []
    monkeypatch.setattr(slurm_launcher, "SECONDS_TO_BE_SEEN", 0.0)
    monkeypatch.setattr(slurm_commands, "last_state", lambda _: "CANCELLED")
    monkeypatch.setattr(SlurmLauncher, "_submit", lambda _, new: submitted.extend(task.key for task in new) or [])
    with pytest.raises(ValueError, match="zip"):  # for the stand-in gives no job
        list(launcher.run(tasks(["a", "b"])))
    assert submitted == ["a", "b"]


def test_a_queue_that_gives_no_answer_is_said_once(
    launcher: SlurmLauncher, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    launcher.say = said.append
    place = submission(launcher.folder, ["a"])
    monkeypatch.setattr(slurm_commands, "states", lambda: None)
    monkeypatch.setattr(slurm_launcher, "SECONDS_BETWEEN_LOOKS", 0.0)
    running = launcher.run(tasks(["a"]))
    for _ in range(3 * slurm_launcher.LOOKS_UNTIL_SAID):
        assert next(running) is None
    assert [text for text in said if "squeue" in text] == [
        "squeue does not answer: whether the jobs are still there can't be told"
    ]
    (place / f"{ARRAY}_0_result.pkl").write_bytes(pickle.dumps(("success", (Returned, Finished(tiny(), "id", {})))))
    assert isinstance(next(running), Returned)


def tasks(keys: list[str]) -> deque[Task]:
    return deque(Task(key, print, key) for key in keys)


@pytest.mark.parametrize("fails", [False, True])
def test_the_folder_stays_where_a_run_failed(
    launcher: SlurmLauncher, tiny: Callable[..., RunConfig], fails: bool
) -> None:
    place = submission(launcher.folder, ["a", "b"])
    write_result(place, 0, Finished(tiny(), "id", {}))
    write_result(place, 1, Failed(tiny(), "out of memory") if fails else Finished(tiny(), "id", {}))
    ends = [happening for happening in launcher.run(tasks(["a", "b"])) if happening]
    assert [type(end) for end in ends] == [Returned, Returned]
    assert place.exists() == fails


def test_of_two_commands_the_slower_one_submits_what_the_other_has_seen_to_its_end(
    launcher: SlurmLauncher, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = submission(launcher.folder, ["a", "b"])
    write_result(place, 0, Finished(tiny(), "id", {}))
    slower = launcher.run(tasks(["a", "b"]))
    first = next(slower)
    assert isinstance(first, Returned)
    assert first.task.key == "a"
    write_result(place, 1, Finished(tiny(), "id", {}))
    assert len(list(filter(None, launcher.run(tasks(["b"]))))) == 1
    assert not place.exists()

    submitted: list[str] = []
    monkeypatch.setattr(SlurmLauncher, "_submit", lambda _, new: submitted.extend(task.key for task in new) or [])
    with pytest.raises(ValueError, match="zip"):  # for the stand-in gives no job
        list(slower)
    assert submitted == ["b"]
