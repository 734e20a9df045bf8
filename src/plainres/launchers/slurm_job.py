"""Carries out a task in one of Slurm's jobs, which is queued again where Slurm ends it before the task is."""

import base64
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from plainres.launchers.launcher import Died, Returned, outcome_of
from plainres.system.files import checked_line
from plainres.system.stopping import StopSignal

NOTICE = signal.SIGUSR2  # that time is up, or another job goes first: submitit's
SECONDS_TO_KILL = 600.0  # after SIGTERM, for Slurm to do so: it queues a pre-empted job again only if it has to
TERMINATED = 143


@dataclass(frozen=True)
class SlurmJob:
    """Carries out a task when submitit calls it, and again once Slurm has queued its job again.

    Attributes:
        call: the task's.
        told: the file that what it tells is added to.
    """

    call: Callable[..., object]
    told: Path

    def __call__(self) -> tuple[type[Returned | Died], Any]:
        """Carry out the task; returns how it ended, and its value or the reason.

        Raises:
            SystemExit: the job ends before its task.
        """
        queue_again = signal.getsignal(NOTICE)
        assert callable(queue_again)  # submitit's
        stop = _NoticedStop()
        with stop.listening((signal.SIGTERM, NOTICE)):
            outcome = outcome_of(self.call, tell=self._tell, stop=stop)
            if outcome[0] is Died or not stop.came:
                return outcome
            until = time.monotonic() + SECONDS_TO_KILL
            while not stop.noticed and time.monotonic() < until:
                time.sleep(0.1)
        if stop.noticed:
            queue_again(NOTICE, None)  # which ends this process
        sys.exit(TERMINATED)

    def checkpoint(self) -> Any:
        """Have submitit call the same once the job is queued again, since runs keep their own checkpoints."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _tell(self, message: object) -> None:
        with self.told.open("ab") as file:  # closed each time, so that other machines see it
            file.write(checked_line(base64.b64encode(pickle.dumps(message))))
            file.flush()
            os.fsync(file.fileno())


class _NoticedStop(StopSignal):
    """Whether the notice came, before or after SIGTERM."""

    noticed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.noticed = self.noticed or number == NOTICE
        super()._take(number, frame)
