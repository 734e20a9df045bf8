"""Keeps what a run has to tell the tracking store in an append-only file until the store has it."""

import errno
import json
import math
import os
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from plainres.system.files import checked_line, whole_lines


@dataclass(frozen=True)
class Entry:
    """Holds the metrics of one step.

    Their time (ms since 1970) is part of them: MLflow keeps a metric that comes twice with the same time once.
    """

    step: int
    time: int
    metrics: dict[str, float]
    diverged: bool
    last: bool
    """Of the run, which is trained with this."""


class Journal:
    """Keeps a run's journal: read back from the lines of its file that are whole, and added to once it is open.

    Attributes:
        attempt: tells this training of the configuration from every other one, and is known before MLflow's run id;
            empty in a journal that isn't open yet, and in the copy of one, which is to be another attempt.
        generation: the fresh sweep's that it was begun for, empty for others.
        code: a digest of the code that it was begun by, empty if that was none that noted one.
        run_id: MLflow's, once it is known.
        entries: one for each step, in order.
        sent: the store is known to have the steps below.
        size: bytes of the whole lines.
    """

    def __init__(self, path: Path, generation: str = "", code: str = "") -> None:
        self.attempt = ""
        self.generation = generation
        self.code = code
        self.run_id: str | None = None
        self.entries: list[Entry] = []
        self.sent = 0
        self._path = path
        self.size = 0
        self._begun_in: int | None = None
        with suppress(FileNotFoundError), path.open("rb") as file:
            content = file.read()
            self.size = content.rfind(b"\n") + 1  # the last line may be torn
            for record in map(json.loads, whole_lines(content)):
                self._take(record)
            there = {entry.step for entry in self.entries}
            # A damaged line may have been a step's. What follows that counts if the store has the step.
            gap = next((step for step in range(self.sent, self.last_step) if step not in there), math.inf)
            self.entries = [entry for entry in self.entries if entry.step < gap]
            if self._begun_in not in (None, os.fstat(file.fileno()).st_ino):
                self.attempt, self.run_id, self.sent = "", None, 0

    def open(self) -> Self:
        """Open the file to be added to, begun if it is a new one or a copy; returns this."""
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(self.size)
        if not self.attempt:
            known = {"generation": self.generation, "code": self.code, "file": os.fstat(self._file.fileno()).st_ino}
            self._write({"attempt": uuid.uuid4().hex, **known})
        return self

    @property
    def last_step(self) -> int:
        """Tell the last step that is known, -1 for none."""
        return self.entries[-1].step if self.entries else -1

    @property
    def complete(self) -> bool:
        """Tell whether the run is trained."""
        return bool(self.entries) and self.entries[-1].last

    @property
    def unsent(self) -> list[Entry]:
        """List what the store isn't known to have."""
        return [entry for entry in self.entries if entry.step >= self.sent]

    def add(self, step: int, metrics: dict[str, float], *, diverged: bool, last: bool) -> None:
        """Append the metrics of a step that comes after the last one.

        They're on the disk before the store hears of them: a loss of power mustn't make it know more than the journal.
        """
        self._write({"entry": asdict(Entry(step, round(time.time() * 1000), metrics, diverged, last))})
        os.fsync(self._file.fileno())

    def note_run(self, run_id: str) -> None:
        """Note the MLflow run that this one is told to from now on; nothing of it is known to be sent."""
        self._write({"run_id": run_id})

    def note_sent(self, count: int) -> None:
        """Note that the store has the steps below `count`."""
        self._write({"sent": count})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        line = checked_line(json.dumps(record).encode())
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(self.size)  # so that a whole line can follow
            raise
        self.size += len(line)
        self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        match record:
            case {"attempt": attempt}:
                if self.attempt:  # this is a copy, and begins as one here
                    self.run_id, self.sent = None, 0
                self.attempt, self.generation = attempt, record.get("generation", "")
                self.code, self._begun_in = record.get("code", ""), record.get("file")
            case {"run_id": run_id}:
                self.run_id, self.sent = run_id, 0
            case {"sent": count}:
                self.sent = count
            case {"entry": entry}:
                while self.entries and self.last_step >= entry["step"]:  # trained again, since a line was damaged
                    self.entries.pop()
                self.entries.append(Entry(**entry))
