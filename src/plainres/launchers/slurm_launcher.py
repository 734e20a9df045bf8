"""Carries out tasks as an array of Slurm's jobs, which outlive the command that submits them."""

import base64
import json
import pickle
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from plainres.errors import first_line
from plainres.launchers import slurm_commands
from plainres.launchers.launcher import Died, Happening, Launcher, Returned, Task, Told, room
from plainres.launchers.slurm_job import SlurmJob
from plainres.running.events import Failed
from plainres.system.files import whole_lines
from plainres.system.locks import locked

SECONDS_TO_WAIT = 1.0  # for something to happen
SECONDS_BETWEEN_LOOKS = 5.0  # at Slurm's queue
LOOKS_UNTIL_SAID = 12  # that the queue gives no answer
SECONDS_TO_BE_SEEN = 20.0  # until a file that another machine wrote is seen here
TIMEOUTS = 1000  # after which a job isn't queued again
NOTICE_SECONDS = 120  # before a job's time is up
KEYS, ID = "keys.json", "id"  # files of a submission
LOCK, SUBMITS = "lock", "is looking after Slurm's jobs"  # beside the submissions, and what its holder does
WELL = "well"  # how a job ended


@dataclass
class SlurmLauncher(Launcher):
    """Makes each task a job. The command may end: called again, it finds its tasks' jobs and submits the rest.

    Attributes:
        cpus, gpus: what a job is given.
        partition: of the jobs; the cluster's own if empty.
        minutes: of a job, after which it's queued again and goes on.
        folder: shared by all machines; what is submitted lies there until it has ended.
        say: takes a line for whoever waits.
    """

    cpus: int
    gpus: int
    partition: str
    minutes: int
    folder: Path
    say: Callable[[str], None]
    outlives = True

    @cached_property
    def jobs(self) -> int:  # type: ignore[override]
        """Count the jobs that there's room for when nobody else has any."""
        return max(1, room(slurm_commands.machines(self.partition), {"CPU": self.cpus, "GPU": self.gpus}))

    def run(self, tasks: deque[Task]) -> Generator[Happening | None, None, None]:
        """See `Launcher`; what is in flight goes on when this is closed or interrupted."""
        in_flight: dict[_Job, Task] = {}
        try:
            yield from self._happenings(tasks, in_flight)
        except (KeyboardInterrupt, GeneratorExit):
            if in_flight:
                ids = " ".join(dict.fromkeys(job.id.partition("_")[0] for job in in_flight))
                self.say(f"Slurm goes on: the same command shows how its jobs stand, and `scancel {ids}` ends them")
            raise

    def _happenings(self, waiting: deque[Task], in_flight: "dict[_Job, Task]") -> Iterator[Happening | None]:
        looked, states, unanswered = -SECONDS_BETWEEN_LOOKS, None, 0
        taken = -1  # jobs that Slurm had when it took no more
        while waiting or in_flight:
            happened = False
            if waiting and len(in_flight) != taken:
                yield from self._begin(waiting, in_flight)
                taken = len(in_flight) if waiting and in_flight else -1
            if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                looked, states = time.monotonic(), slurm_commands.states()
                unanswered = unanswered + 1 if states is None else 0
                if unanswered == LOOKS_UNTIL_SAID:
                    self.say("squeue does not answer: whether the jobs are still there can't be told")
            for job, task in list(in_flight.items()):
                if not job.folder.exists():  # another command has seen its end: the run, or the study, is in its store
                    happened = True
                    waiting.append(in_flight.pop(job))
                    continue
                state = "UNKNOWN" if states is None else states.get(job.id)
                job.seen = job.seen or job.id in (states or {})
                for happening in job.happenings(task, gone=state is None) if state != "PENDING" else ():
                    happened = True
                    if not isinstance(happening, Told):
                        del in_flight[job]
                    yield happening
                if job.is_past:
                    happened = True
                    waiting.append(in_flight.pop(job))
            if not happened:
                yield None
                time.sleep(SECONDS_TO_WAIT)

    def _begin(self, waiting: deque[Task], in_flight: "dict[_Job, Task]") -> Iterator[Died]:
        """Take up the jobs that Slurm has of these tasks, and submit the others."""
        tasks = {task.key: task for task in waiting}
        waiting.clear()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # a storage's URL may hold a password
        with locked(self.folder / LOCK, SUBMITS):
            known = {job: tasks.pop(job.key) for job in _submitted(self.folder) if job.key in tasks}
            if known:
                self.say(f"Slurm has {len(known)} of {len(known) + len(tasks)} jobs already")
            in_flight |= known
            new, size = list(tasks.values()), slurm_commands.largest_array()
            while new:
                try:
                    in_flight |= zip(self._submit(new[:size]), new[:size], strict=True)
                except RuntimeError as error:  # submitit's, with what sbatch said
                    if min(size, len(new)) > 1:  # fewer may be within a limit
                        size = min(size, len(new)) // 2
                        continue
                    if in_flight:  # until some have ended
                        self.say(f"Slurm takes no more now: {len(new)} wait ({first_line(error)})")
                        waiting.extend(new)
                        return
                    yield Died(new[0], f"Slurm refuses: {first_line(error)}")
                del new[:size]

    def _submit(self, tasks: Sequence[Task]) -> "list[_Job]":
        from submitit import SlurmExecutor

        name = f"plainres-{uuid.uuid4().hex[:12]}"
        folder = self.folder.absolute() / name
        folder.mkdir()
        (folder / KEYS).write_text(json.dumps([task.key for task in tasks]))
        executor = SlurmExecutor(folder=folder, max_num_timeout=TIMEOUTS)
        executor.update_parameters(
            job_name=name, time=self.minutes, cpus_per_task=self.cpus, signal_delay_s=NOTICE_SECONDS,
            array_parallelism=len(tasks), srun_args=[f"--cpus-per-task={self.cpus}"], stderr_to_stdout=True,
            additional_parameters={"requeue": True},
            **({"partition": self.partition} if self.partition else {}),
            **({"gpus_per_node": self.gpus} if self.gpus else {}),
        )  # fmt: skip
        calls = [SlurmJob(task.call, folder / f"told-{number}") for number, task in enumerate(tasks)]
        try:
            with slurm_commands.without_personal_settings(self.partition):
                array = executor.submit_array(calls)[0].job_id.partition("_")[0]
        except RuntimeError:
            shutil.rmtree(folder)
            raise
        (folder / ID).write_text(array)
        self.say(f"Slurm's job {array}, an array of {len(tasks)}: {folder}")
        jobs = _jobs_in(folder)
        for job in jobs:
            job.seen = True
        return jobs


class _Job:
    """One of Slurm's jobs, which carries out the task of this key."""

    def __init__(self, folder: Path, number: int, job_id: str, key: str) -> None:
        """Its place in the array of its submission, whose folder this is, is `number`."""
        self.folder = folder
        self.id = job_id
        self.key = key
        self.told = folder / f"told-{number}"
        self.result = folder / f"{job_id}_0_result.pkl"  # as submitit names it
        self.ended = folder / f"ended-{number}"
        self.known = self.told.exists()
        self.seen = False  # whether this command has known it to be Slurm's
        self.is_past = False  # whether it ended, without a result, before this command began
        self.read = 0  # bytes of what it told
        self.gone_since: float | None = None

    def happenings(self, task: Task, *, gone: bool) -> Iterator[Happening]:
        """What it has told since the last time, and how it ended, if it did.

        Args:
            task: what it carries out.
            gone: whether Slurm's queue lacks it.
        """
        done = self.result.exists()  # before what it told is read, which was written before
        messages = list(self._messages())
        # Of what an earlier command was told, the last says how it stands.
        yield from (Told(task, message) for message in (messages[-1:] if self.known else messages))
        self.known = False
        end = (self._result(task) if done else None) or (self._loss(task) if gone else None)
        if end is not None:
            self._note(end)
            self.is_past = not done and not self.seen
            if not self.is_past:
                yield end
        elif not gone:
            self.gone_since = None

    def _messages(self) -> Iterator[Any]:
        with suppress(FileNotFoundError), self.told.open("rb") as file:
            file.seek(self.read)
            content = file.read()
            content = content[: content.rfind(b"\n") + 1]  # what follows is not all written
            self.read += len(content)
            for text in whole_lines(content):
                with suppress(ImportError, AttributeError):  # told by other code than this
                    yield pickle.loads(base64.b64decode(text))

    def _note(self, end: Returned | Died) -> None:
        """Note how it ended; the folder goes once all its jobs have ended well, and is kept with the logs of others."""
        with locked(self.folder.parent / LOCK, SUBMITS):
            if not self.folder.exists():  # another command was as fast
                return
            well = isinstance(end, Returned) and not isinstance(end.value, Failed)
            self.ended.write_text(WELL if well else "failed")
            if all(job.ended.exists() and job.ended.read_text() == WELL for job in _jobs_in(self.folder)):
                shutil.rmtree(self.folder, ignore_errors=True)

    def _result(self, task: Task) -> Returned | Died | None:
        """What it returned; None where another command has removed it with its folder, or it can't be read."""
        try:
            outcome, value = pickle.loads(self.result.read_bytes())
        except (FileNotFoundError, EOFError, pickle.UnpicklingError):
            return None
        except (ImportError, AttributeError) as error:
            return Died(task, f"what it returned is other code's: {error}")
        if outcome != "success":  # a traceback
            return Died(task, str(value).strip().splitlines()[-1])
        kind, content = value
        end: Returned | Died = kind(task, content)
        return end

    def _loss(self, task: Task) -> Died | None:
        now = time.monotonic()
        self.gone_since = self.gone_since or now
        if now - self.gone_since < SECONDS_TO_BE_SEEN:
            return None
        state = slurm_commands.last_state(self.id)
        reason = f"Slurm's job {self.id} ended without a result, {state}: {self.folder}"
        return Died(task, reason, on_purpose=state == "CANCELLED")


def _submitted(folder: Path) -> Iterator[_Job]:
    """The jobs whose ends no command has been told of."""
    for keys in folder.glob(f"*/{KEYS}"):
        submission = keys.parent
        if not (submission / ID).exists():  # the command was killed before it noted it
            found = slurm_commands.id_of(submission.name)
            if found is None:
                shutil.rmtree(submission, ignore_errors=True)
                continue
            (submission / ID).write_text(found)
        yield from (job for job in _jobs_in(submission) if not job.ended.exists())


def _jobs_in(submission: Path) -> list[_Job]:
    """The jobs of a submission; its id is Slurm's for the array."""
    keys = json.loads((submission / KEYS).read_text())
    array = (submission / ID).read_text()
    ids = [array] if len(keys) == 1 else [f"{array}_{number}" for number in range(len(keys))]
    return [_Job(submission, number, job_id, key) for number, (job_id, key) in enumerate(zip(ids, keys, strict=True))]
