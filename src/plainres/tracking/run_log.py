"""Writes a run to MLflow from its journal: what can't be sent now is sent later, and nothing twice."""

import logging
import math
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException

from plainres.errors import StoreAway, without_credentials
from plainres.names import (
    ATTEMPT_TAG,
    CODE_TAG,
    COMMIT_TAG,
    DIFF_FILE,
    DIVERGED_TAG,
    GENERATION_TAG,
    MODEL_DIGEST_TAG,
    MODEL_FILE,
    PROCESSES_TAG,
    PROCESSOR_TAG,
    PROGRESS_TAG,
    PRUNED_TAG,
    SAME_AS_TAG,
    TRACEBACK_FILE,
)
from plainres.settings import RunConfig
from plainres.system.files import digest_of
from plainres.system.hardware import processes, processor
from plainres.tracking.artifacts import artifact_sizes, log_artifact, log_text
from plainres.tracking.claims import gives_way
from plainres.tracking.journal import Entry, Journal
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import (
    Experiment,
    create_run,
    describe_run,
    finished_run,
    log_metrics,
    run_or_none,
    set_status,
)
from plainres.tracking.source import Source

if TYPE_CHECKING:
    from plainres.data import ImageDataset

SECONDS_BETWEEN_SENDS = 1.0  # at least: an epoch may take less than telling MLflow of it
QUIET_SECONDS = 15  # at least, between tries to reach a store that's away
QUIET_SHARE = 20  # times what a try took, if that's longer: a store that hangs must not slow the training down


@dataclass
class RunLog:
    """Tells MLflow what a journal holds; the run there is made, or taken up again, when the store is first reached."""

    journal: Journal
    experiment: Experiment
    config: RunConfig
    dataset: "ImageDataset"
    parent_run_id: str | None
    source: Source
    tags: Mapping[str, str]
    ignored: Collection[str] = ()
    """The claims of those who don't get on."""
    _opened: bool = field(default=False, init=False)
    _quiet_until: float = field(default=0.0, init=False)
    _last_sent: float = field(default=-math.inf, init=False)

    @property
    def run_id(self) -> str:
        """Tell MLflow's id of the run, which the store was reached for."""
        assert self.journal.run_id
        return self.journal.run_id

    def send(self, *, last: bool = False) -> str | None:
        """Send what the store lacks, unless that was done lately, or find that it's away; returns why, once in a while.

        The last of a run is sent in any case.
        """
        started = time.monotonic()
        if started < max(self._quiet_until, 0 if last else self._last_sent + SECONDS_BETWEEN_SENDS):
            return None
        self._last_sent = started
        try:
            with reaching_store():
                self._send()
        except StoreAway as away:
            now = time.monotonic()
            self._quiet_until = now + max(QUIET_SECONDS, QUIET_SHARE * (now - started))
            return str(away)
        return None

    def finish(self, artifacts: Path) -> str:
        """Send everything, store the files of a folder, end the run as FINISHED, and see that it's all there.

        Returns:
            The id of the run that counts: where another process has finished before, that one's.

        Raises:
            StoreAway: it isn't: something else may have answered in the store's place.
        """
        uri, client = self.experiment.tracking_uri, self.experiment.client
        self._send()
        for entry in self._lacking():
            self._log(entry)
        if self._lacking():
            raise StoreAway("it doesn't keep the metrics that it's sent")
        log_artifact(uri, self.run_id, artifacts)
        sizes = artifact_sizes(uri, self.run_id)
        if any(sizes.get(path.name) != path.stat().st_size for path in artifacts.iterdir()):
            raise StoreAway("it doesn't keep the files that it's sent")
        client.set_tag(self.run_id, MODEL_DIGEST_TAG, digest_of(artifacts / MODEL_FILE))
        first = finished_run(self.experiment, self.config, self.journal.generation) or self.run_id
        if first != self.run_id:  # it is itself, where an answer to its own end was lost
            client.set_tag(self.run_id, SAME_AS_TAG, first)
        client.set_terminated(self.run_id)
        if client.get_run(self.run_id).info.status != "FINISHED":
            raise StoreAway("it doesn't note that the run has finished")
        return first

    def gives_way(self) -> bool:
        """Take the run back if another process trains it; returns whether that is so, as far as the store is there."""
        if not self._opened:
            return False
        experiment, run_id = self.experiment, self.run_id
        with suppress(StoreAway), reaching_store():
            journal = self.journal
            if gives_way(experiment, self.config, journal.attempt, run_id, self.ignored, journal.generation):
                set_status(experiment, run_id, "KILLED")
                if not self.journal.entries:
                    with suppress(MlflowException):  # an account may not be allowed to delete
                        experiment.client.delete_run(run_id)
                return True
        return False

    def show_progress(self, steps: Callable[[], int]) -> None:
        """Tell others how far the training is, if the store is there."""
        if self.journal.run_id:
            with suppress(StoreAway), reaching_store():
                self.experiment.client.set_tag(self.journal.run_id, PROGRESS_TAG, steps())

    def prune(self, epoch: int) -> None:
        """Send everything and end the run, which stops after this epoch, as KILLED; raises as `finish`."""
        self._send()
        self.experiment.client.set_tag(self.run_id, PRUNED_TAG, epoch)
        self.experiment.client.set_terminated(self.run_id, "KILLED")

    def end(self, status: str) -> None:
        """End the run as KILLED, or as FAILED with the traceback; a store that's away learns it when it is taken up."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            with reaching_store():
                self._send()
                set_status(self.experiment, self.run_id, status)
                if status == "FAILED":
                    seen = without_credentials(traceback.format_exc())
                    log_text(self.experiment.tracking_uri, self.run_id, seen, TRACEBACK_FILE)
        except StoreAway:
            pass  # the failure's own reason matters more

    def _send(self) -> None:
        if not self._opened:
            self._open()
            self._opened = True
        for entry in self.journal.unsent:
            self._log(entry)
            self.journal.note_sent(entry.step + 1)

    def _log(self, entry: Entry) -> None:
        client = self.experiment.client
        log_metrics(client, self.run_id, entry.metrics, entry.step, entry.time)
        if entry.diverged:
            client.set_tag(self.run_id, DIVERGED_TAG, entry.step)

    def _lacking(self) -> list[Entry]:
        """The steps that the store doesn't have, by one metric of each: those of a step are logged together."""
        has: dict[str, set[tuple[int, int]]] = {}
        lacking = []
        for entry in self.journal.entries:
            name = next((name for name in entry.metrics if name in has), next(iter(entry.metrics)))
            if name not in has:
                history = self.experiment.client.get_metric_history(self.run_id, name)
                has[name] = {(metric.step, metric.timestamp) for metric in history}
            if (entry.step, entry.time) not in has[name]:
                lacking.append(entry)
        return lacking

    def _open(self) -> None:
        """Take up the run that the journal was told to, or the one whose id it never learnt, or make one."""
        client, run_id = self.experiment.client, self.journal.run_id
        if run_id is None:
            found = client.search_runs(
                [self.experiment.experiment_id], f"tags.{ATTEMPT_TAG} = '{self.journal.attempt}'", max_results=1
            )
            if found:
                run_id = found[0].info.run_id
                describe_run(self.experiment, run_id, self.config, self.dataset, self.source)
        run = run_or_none(self.experiment, run_id) if run_id else None
        before = run.data.tags if run else {}
        now = {
            PROCESSES_TAG: str(processes()), PROCESSOR_TAG: processor(self.config.device),
            CODE_TAG: self.source.code, COMMIT_TAG: self.source.commit,
        }  # fmt: skip
        tags = {
            **self.tags,
            PROGRESS_TAG: "0",
            **{name: _then(before.get(name, ""), text) for name, text in now.items()},
        }
        tags = {name: text for name, text in tags.items() if text}
        if run_id and run and run.info.lifecycle_stage == "active":
            for name, text in tags.items():
                client.set_tag(run_id, name, text)
            if self.source.diff and self.source.code not in before.get(CODE_TAG, ""):
                log_text(self.experiment.tracking_uri, run_id, self.source.diff, f"{self.source.code}-{DIFF_FILE}")
            set_status(self.experiment, run_id, "RUNNING")
        else:
            known = {ATTEMPT_TAG: self.journal.attempt, GENERATION_TAG: self.journal.generation}
            tags |= {tag: text for tag, text in known.items() if text}
            run_id = create_run(self.experiment, self.config, self.dataset, self.parent_run_id, self.source, tags)
            if not run_id:
                raise StoreAway("what answers is no MLflow: it makes no run")
        if run_id != self.journal.run_id:
            self.journal.note_run(run_id)


def _then(before: str, now: str) -> str:
    """What a run was trained by, one after the other."""
    return before if before.rpartition(", then ")[2] == now else f"{before}, then {now}".removeprefix(", then ")


@contextmanager
def system_metrics(log: RunLog) -> Iterator[None]:
    """Log the use of CPU, memory, disk and GPU every ten seconds, as MLflow's own metrics under `system/`.

    Nothing is logged for a run that the store hasn't been reached for. It needs psutil, and nvidia-ml-py for a GPU.
    """
    if log.journal.run_id is None:
        yield
        return
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)  # a store that's away is told of elsewhere
    monitor = SystemMetricsMonitor(  # type: ignore[no-untyped-call]
        log.run_id, resume_logging=True, tracking_uri=log.experiment.tracking_uri
    )
    monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]
