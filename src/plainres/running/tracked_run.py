"""Train one run so that nothing is lost: from its checkpoint on, by one process only, its metrics kept until sent."""

import errno
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import torch

from plainres.config import RunConfig
from plainres.data import dataset_of
from plainres.errors import BadInput, StoreAway
from plainres.hardware import give_back_memory
from plainres.names import DIVERGED_TAG, MODEL_FILE
from plainres.running.events import Elsewhere, Failed, Finished, Notice, Outcome, Progress, Stopped
from plainres.running.folders import RunFolder, run_folder
from plainres.running.job import Job
from plainres.running.stopping import Interrupted, StopSignal
from plainres.tracking.journal import Journal
from plainres.tracking.outages import PATIENCE, reaching_store
from plainres.tracking.run_log import RunLog
from plainres.tracking.runs import finished_run
from plainres.tracking.shown import first_line
from plainres.training import Trainer
from plainres.training.checkpoint import Rhythm, State, copy_state, load_checkpoint, save_checkpoint, save_model

Tell = Callable[[Progress | Notice], None]


def train_run(config: RunConfig, job: Job, tell: Tell, *, patient: bool, stop: StopSignal) -> Outcome:
    """Train a run to its end, going on from where it was left, and store it.

    A patient call waits for another process that trains this run, and for a tracking store that's away; the others
    leave the run as it is then.
    """
    folder = run_folder(job.checkpoints, job.experiment.tracking_uri, job.experiment.experiment_id, config)
    try:
        with ExitStack() as stack:
            with stop.may_stop():
                if not stack.enter_context(folder.held(wait=patient)):
                    return Elsewhere(config)
            outcome = _stored(config, job) or _train(config, job, folder, tell, PATIENCE if patient else 0, stop)
            if isinstance(outcome, Finished):
                folder.clear(outcome.run_id)
            return outcome
    except Interrupted:
        return Stopped(config)
    except Exception as error:
        return Failed(config, _reason(error), worth_a_retry=not isinstance(error, BadInput))
    finally:
        with suppress(RuntimeError):  # of a GPU that has failed: what the run failed of says more
            give_back_memory(config.device)


def _stored(config: RunConfig, job: Job) -> Finished | None:
    """The run as another process has finished it meanwhile."""
    try:
        with reaching_store():
            run_id = finished_run(job.experiment, config, job.generation)
            if run_id is None:
                return None
            data = job.experiment.client.get_run(run_id).data
    except StoreAway:
        return None
    diverged = data.tags.get(DIVERGED_TAG)
    return Finished(config, run_id, data.metrics["final/train_error"], int(diverged) if diverged else None)


def _train(
    config: RunConfig, job: Job, folder: RunFolder, tell: Tell, patience: float, stop: StopSignal
) -> Finished | Failed:
    journal = _open_journal(folder.path, job.generation)
    log = RunLog(journal, job.experiment, config, dataset_of(config), job.parent_run_id, job.source)
    model = folder.path / MODEL_FILE
    try:
        if not (journal.complete and model.exists()):
            _train_epochs(config, job, folder.path, journal, log, tell, stop)
        with stop.may_stop():
            log.finish(model, patience)
    except StoreAway as away:
        return Failed(config, f"trained, but the tracking store is away ({away}); its results wait in {folder.path}")
    except Interrupted:
        log.end("KILLED")
        raise
    except Exception:
        log.end("FAILED")
        raise
    finally:
        journal.close()
    last = journal.entries[-1]
    return Finished(config, log.run_id, last.metrics["final/train_error"], last.step if last.diverged else None)


def _open_journal(folder: Path, generation: str) -> Journal:
    """The journal in a run's folder; a fresh sweep throws away what wasn't begun for it."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal", generation)
    if generation in ("", journal.generation):
        return journal
    journal.close()
    for path in folder.iterdir():
        path.unlink()
    return Journal(folder / "journal", generation)


def _train_epochs(
    config: RunConfig, job: Job, folder: Path, journal: Journal, log: RunLog, tell: Tell, stop: StopSignal
) -> None:
    """Train what is left of a run into its journal, and store the model beside it."""
    told: set[str] = set()

    def notice(text: str) -> None:
        if text not in told:
            told.add(text)
            tell(Notice(config, text))

    def send() -> None:
        with stop.may_stop():  # a store that hangs mustn't hold up an interrupt
            away = log.send()
        if away:
            notice(f"the tracking store is away ({away}): metrics are kept in {folder} until it's back")

    send()  # so that the run is seen in MLflow from its beginning
    trainer = Trainer(config)
    state = load_checkpoint(folder, journal.last_step, notice)
    if state:
        trainer.load_state_dict(state)
        notice(f"goes on after epoch {trainer.epoch}")
    tell(Progress(config, trainer.epoch, float("nan"), float("nan")))
    on_disk, in_memory = Rhythm(job.checkpoint_every, 0.05), Rhythm(0, 0.005)
    unsaved: State | None = None
    records = iter(trainer)
    try:
        while True:
            with stop.may_stop():
                record = next(records, None)
            if record is None:
                break
            last = record.diverged or record.epoch == config.epochs
            if record.epoch > journal.last_step:
                journal.add(record.epoch, record.metrics, diverged=record.diverged, last=last)
            send()
            if record.epoch > 0:
                tell(Progress(config, record.epoch, record.metrics["loss/train"], record.metrics["accuracy/train"]))
            if record.epoch > 0 and not last:
                saved = False
                if on_disk.is_due(record.epoch):
                    try:
                        with on_disk.timed():
                            save_checkpoint(folder, trainer.state_dict())
                        saved, unsaved = True, None
                    except OSError as error:
                        notice(f"checkpoints can't be written ({error.strerror}): training goes on without")
                if not saved and in_memory.is_due(record.epoch):
                    with in_memory.timed():  # an interrupt comes in the middle of an epoch
                        unsaved = copy_state(trainer.state_dict())
    except Interrupted:
        if unsaved:
            with suppress(OSError):  # then the one before is the newest
                save_checkpoint(folder, unsaved)
        raise
    save_model(folder / MODEL_FILE, trainer.network)


def _reason(error: Exception) -> str:
    reason = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, torch.OutOfMemoryError):
        return f"{reason}; a smaller --batch-size or fewer --jobs need less"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}; free some space: the same command goes on from the last checkpoint"
    return reason
