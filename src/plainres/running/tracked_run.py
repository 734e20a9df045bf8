"""Trains one run so that nothing is lost: from its checkpoint on, by one process only, its metrics kept until sent."""

import errno
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from plainres.data import dataset_of
from plainres.errors import BadInput, StoreAway, first_line
from plainres.names import DIVERGED_TAG, EXPORTED_FILE, MODEL_FILE, TRAIN_ACCURACY, TRAIN_LOSS
from plainres.running.events import (
    Elsewhere,
    Failed,
    Finished,
    Notice,
    Outcome,
    Progress,
    Pruned,
    Started,
    Stopped,
    Tell,
)
from plainres.running.folders import Job
from plainres.running.together import join, lead
from plainres.settings import RunConfig
from plainres.system.hardware import give_back_memory, processes
from plainres.system.processes import repeated
from plainres.system.stopping import Interrupted, StopSignal
from plainres.tracking.claims import (
    SECONDS_BETWEEN_LOOKS,
    SECONDS_BETWEEN_SIGNS,
    SECONDS_WITHOUT_PROGRESS,
    Watch,
    claims_of_others,
)
from plainres.tracking.journal import Entry, Journal
from plainres.tracking.outages import PATIENCE, keep_trying, reaching_store
from plainres.tracking.run_log import RunLog, system_metrics
from plainres.tracking.runs import finished_run
from plainres.tracking.source import CODE
from plainres.training import EpochRecord, Trainer
from plainres.training.checkpoint import (
    Rhythm,
    State,
    checkpoints,
    copy_state,
    export_model,
    save_checkpoint,
    save_model,
    set_aside,
)

SECONDS_TO_END = 2.0  # for what is being told to the store when a run ends


@dataclass(frozen=True)
class Hooks:
    """Holds what one caller wants of a run beside its training.

    Attributes:
        tags: further ones of the MLflow run, in place of those of the same names.
        on_known: gets the records that were trained before a break and aren't trained again.
        on_start: gets the trainer before it trains on.
        on_record: gets the trainer and each record as it is trained; true ends the run there, as pruned.
        on_trained: gets the trained trainer and a folder; the files that it writes there become artifacts.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    on_known: Callable[[EpochRecord], None] = lambda record: None
    on_start: Callable[[Trainer], None] = lambda trainer: None
    on_record: Callable[[Trainer, EpochRecord], bool] = lambda trainer, record: False
    on_trained: Callable[[Trainer, Path], None] = lambda trainer, artifacts: None


def train_run(
    config: RunConfig, job: Job, tell: Tell, *, patient: bool, stop: StopSignal, hooks: Hooks | None = None
) -> Outcome:
    """Train a run to its end, going on from where it was left, and store it.

    A patient call waits for another process that trains this run, and for a tracking store that's away; the others
    leave the run as it is then. A run that the store has already, finished, is taken as it is.
    """
    if job.source.code != CODE:
        reason = f"plainres' code here ({CODE}) is not what this began with ({job.source.code}): begin it again"
        return Failed(config, reason, worth_a_retry=False)
    try:
        outcome: Outcome | None = None
        while outcome is None or (patient and isinstance(outcome, Elsewhere)):
            run = _Run(config, job, tell, stop, hooks or Hooks())
            with run.begun(wait=patient) as begins:
                # Where processes train it together nobody would try it again.
                outcome = run.train(PATIENCE if patient or processes() > 1 else 0) if begins else Elsewhere(config)
        if isinstance(outcome, Finished | Pruned):
            job.folder_of(config).clear(outcome.run_id, job.generation)
        return outcome
    except Interrupted:
        return Stopped(config)
    except Exception as error:
        return Failed(config, _reason(error), worth_a_retry=not isinstance(error, BadInput))
    finally:
        with suppress(RuntimeError):  # of a GPU that has failed: what the run failed of says more
            give_back_memory(config.device)


@dataclass
class _Run:
    """Trains a run in a folder that nobody else holds.

    Attributes:
        folder: that one, once it has `begun`.
        ignored: the claims of those who don't get on.
    """

    config: RunConfig
    job: Job
    tell: Tell
    stop: StopSignal
    hooks: Hooks
    folder: Path = Path()
    ignored: Collection[str] = ()
    told: set[str] = field(default_factory=set)

    @property
    def artifacts(self) -> Path:
        """The folder of what is stored with the run in the end; once the model is there, all is."""
        return self.folder / "artifacts"

    @contextmanager
    def begun(self, *, wait: bool) -> Iterator[bool]:
        """Hold a folder as soon as nobody else trains the run, or gets on with it; yields False if `wait` is needed.

        While the store is away nobody can tell: then the run is trained all the same.
        """
        place, watch, held = self.job.folder_of(self.config), Watch(), False
        claims: dict[str, str] = {}
        with ExitStack() as stack:
            with self.stop.may_stop():
                while True:
                    held = held or stack.enter_context(place.held())
                    with suppress(StoreAway), reaching_store():
                        own = place.attempt if held else ""
                        claims = claims_of_others(self.job.experiment, self.config, own, self.job.generation)
                    others = claims | ({} if held else {"of this machine": place.progress})
                    if not watch.is_moving(others):
                        break
                    if not wait:
                        yield False
                        return
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            if not held:
                place = place.copy()
                stack.enter_context(place.held())
            self.folder, self.ignored = place.path, others.keys()
            if others:
                start = "its checkpoint" if any(place.path.glob("epoch-*.pt")) else "the beginning"
                gone = f"who trains it has not got on for {SECONDS_WITHOUT_PROGRESS:.0f} seconds"
                self._notice(f"{gone}: it is trained here too, from {start} on")
            yield True

    def train(self, patience: float) -> Outcome:
        """Train what is left of it, and store what the store lacks; or take it as another process has finished it."""
        if stored := self._stored():
            return stored
        with closing(self._open_journal()) as journal:
            return self._train(journal, patience)

    def _stored(self) -> Finished | None:
        """The run as another process has finished it meanwhile."""
        try:
            with reaching_store():
                run_id = finished_run(self.job.experiment, self.config, self.job.generation)
                if run_id is None:
                    return None
                data = self.job.experiment.client.get_run(run_id).data
        except StoreAway:
            return None
        self.tell(Notice(self.config, "is trained already: the store has it"))
        diverged = data.tags.get(DIVERGED_TAG)
        return Finished(self.config, run_id, data.metrics, int(diverged) if diverged else None)

    def _train(self, journal: Journal, patience: float) -> Outcome:
        config, job, folder = self.config, self.job, self.folder
        dataset = dataset_of(config)
        tags = {**job.tags, **self.hooks.tags}
        log = RunLog(journal, job.experiment, config, dataset, job.parent_run_id, job.source, tags, self.ignored)
        pruned: int | None = None
        try:
            if journal.complete and (self.artifacts / MODEL_FILE).exists():
                self._tell_known(journal.entries)
            else:
                self._send(log)  # so that the run is seen in MLflow from its beginning
                if log.gives_way():
                    return Elsewhere(config)
                with system_metrics(log) if config.system_metrics else nullcontext():
                    trainer = self._resume(journal)
                    show = partial(log.show_progress, lambda: trainer.batches)
                    with repeated(show, SECONDS_BETWEEN_SIGNS, seconds_to_end=SECONDS_TO_END):
                        pruned = self._train_epochs(trainer, journal, log)
                        if not pruned:
                            self._export(trainer)
            with self.stop.may_stop():
                if pruned:
                    keep_trying(partial(log.prune, pruned), patience)
                    return Pruned(config, log.run_id, pruned)
                run_id = keep_trying(partial(log.finish, self.artifacts), patience)
        except StoreAway as away:
            return Failed(config, f"trained, but the tracking store is away ({away}); its results wait in {folder}")
        except Interrupted:
            log.end("KILLED")
            raise
        except Exception:
            log.end("FAILED")
            raise
        if run_id != log.run_id:
            self._notice("another process has finished it meanwhile, and that run counts")
        last = journal.entries[-1]
        return Finished(config, run_id, last.metrics, last.step if last.diverged else None)

    def _open_journal(self) -> Journal:
        """The journal in the folder; what wasn't begun for this fresh sweep, or by this code, is thrown away."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, generation = self.folder / "journal", self.job.generation
        journal = Journal(path, generation, CODE)
        is_other = journal.code != CODE
        if is_other:
            does = "it goes on all the same" if self.job.any_code else "it begins anew (--any-code goes on)"
            self._notice(f"other code of plainres has begun it: {does}")
        if generation not in ("", journal.generation) or (is_other and not self.job.any_code):
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            journal = Journal(path, generation, CODE)
        return journal.open()

    def _resume(self, journal: Journal) -> Trainer:
        """Make the trainer, from the newest checkpoint on if there is one, in all processes that train the run."""
        trainer = Trainer(self.config, join())
        for path, state in checkpoints(self.folder, journal.last_step, self._notice):
            try:
                trainer.load_state_dict(state)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever another version's state makes of it
                self._notice(f"checkpoint {path.name} can't be gone on from ({_reason(error)}): it is set aside")
                set_aside(path)
                trainer = Trainer(self.config, join())  # the other one may have taken half of it
            else:
                self._notice(f"goes on after epoch {trainer.epoch}")
                self._tell_known([entry for entry in journal.entries if entry.step <= trainer.epoch])
                break
        trainer.after_step = self.stop.heed
        lead(trainer)
        self.tell(Started(self.config, trainer.epoch))
        self.hooks.on_start(trainer)
        return trainer

    def _train_epochs(self, trainer: Trainer, journal: Journal, log: RunLog) -> int | None:
        """Train into the journal, with checkpoints; or return the epoch after which the run was pruned."""
        on_disk, in_memory = Rhythm(self.job.checkpoint_every, 0.05), Rhythm(0, 0.0)  # the first epoch is copied
        unsaved: State | None = None
        records = iter(trainer)
        try:
            while record := self._next(records):
                last = record.diverged or record.epoch == self.config.epochs
                if record.epoch > journal.last_step:
                    journal.add(record.epoch, record.metrics, diverged=record.diverged, last=last)
                self._send(log, last=last)
                if record.epoch > 0:
                    loss, accuracy = record.metrics[TRAIN_LOSS], record.metrics[TRAIN_ACCURACY]
                    self.tell(Progress(self.config, record.epoch, loss, accuracy))
                if self.hooks.on_record(trainer, record):
                    return record.epoch
                if record.epoch > 0 and not last:
                    if on_disk.is_due(record.epoch) and self._save(trainer, on_disk):
                        unsaved = None
                    elif in_memory.is_due(record.epoch):
                        with in_memory.timed():  # an interrupt comes in the middle of an epoch
                            unsaved = copy_state(trainer.state_dict())
        except Interrupted:
            if unsaved:
                with suppress(OSError):  # then the one before is the newest
                    save_checkpoint(self.folder, unsaved)
            raise
        return None

    def _next(self, records: Iterator[EpochRecord]) -> EpochRecord | None:
        with self.stop.may_stop():
            return next(records, None)

    def _save(self, trainer: Trainer, on_disk: Rhythm) -> bool:
        try:
            with on_disk.timed():
                save_checkpoint(self.folder, trainer.state_dict())
        except OSError as error:
            self._notice(f"checkpoints can't be written ({error.strerror}): training goes on without")
            return False
        return True

    def _export(self, trainer: Trainer) -> None:
        """Write what is stored with the run, the model last."""
        self.artifacts.mkdir(exist_ok=True)
        self.hooks.on_trained(trainer, self.artifacts)
        if self.config.save_model == "pt2":
            export_model(self.artifacts / EXPORTED_FILE, trainer.network, trainer.train_split.image_shape)
        save_model(self.artifacts / MODEL_FILE, trainer.network)

    def _send(self, log: RunLog, *, last: bool = False) -> None:
        """Send what the store lacks, or say that it's away."""
        with self.stop.may_stop():  # a store that hangs mustn't hold up an interrupt
            away = log.send(last=last)
        if away:
            self._notice(f"the tracking store is away ({away}): metrics are kept in {self.folder} until it's back")

    def _notice(self, text: str) -> None:
        """Tell a person something once."""
        if text not in self.told:
            self.told.add(text)
            self.tell(Notice(self.config, text))

    def _tell_known(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.hooks.on_known(EpochRecord(entry.step, entry.metrics, entry.diverged))


def _reason(error: Exception) -> str:
    reason = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, torch.OutOfMemoryError):
        return f"{reason}; a smaller --batch-size or fewer --jobs need less"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}; free some space: the same command goes on from the last checkpoint"
    return reason
