"""Tells where runs are stored, where unfinished ones keep checkpoints and journal, and which process may touch them."""

import errno
import hashlib
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from plainres.errors import BadInput, without_credentials
from plainres.settings import RunConfig
from plainres.system.files import cache_folder
from plainres.tracking.database import is_sqlite, sqlite_path
from plainres.tracking.journal import Journal

if TYPE_CHECKING:  # they import MLflow, which a check does without
    from plainres.tracking.runs import Experiment
    from plainres.tracking.source import Source

SPACE_NEEDED = 64 * 2**20  # bytes free at the start, for a database, its journal and the checkpoints of small networks


def default_root(uri: str) -> Path:
    """Give the folder of all checkpoints: `mlruns/checkpoints` beside a store in a file, for one elsewhere the user's.

    All processes of this machine that write to one store find each other's locks there.
    """
    if is_sqlite(uri):
        return sqlite_path(uri).absolute().parent / "mlruns" / "checkpoints"
    return cache_folder() / "checkpoints"


def writable_above(folder: Path) -> Path:
    """Find the folder, or the nearest one above it that's there, if it can be written.

    Raises:
        PermissionError: it can't.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"no permission for {there}")
    return there


def check_root(root: Path) -> None:
    """Return if checkpoints can be written below this folder, and temporary files; nothing is, to find out.

    Raises:
        BadInput: no permission, or hardly any space.
    """
    for what, folder, option in (
        ("checkpoints", root, "--checkpoint-dir"), ("locks", root / "locks", "--checkpoint-dir"),
        ("temporary files", Path(gettempdir()), "TMPDIR"),
    ):  # fmt: skip
        try:
            free = shutil.disk_usage(writable_above(folder)).free
        except OSError as error:
            raise BadInput(f"{what} can't be written to {folder}: {error.strerror} ({option})") from error
        if free < SPACE_NEEDED:
            raise BadInput(
                f"{what} can't be written to {folder}: {free / 2**20:.0f} MB of disk space are free, and "
                f"{SPACE_NEEDED / 2**20:.0f} MB are the least ({option})"
            )


@dataclass(frozen=True)
class Job:
    """Says where the runs of a sweep or a study are stored, and how they are kept from getting lost.

    It is small enough to be handed to a worker.
    """

    experiment: "Experiment"
    parent_run_id: str | None
    generation: str
    """A fresh sweep's, for which only runs that were trained for it count; empty for others."""
    source: "Source"
    checkpoints: Path
    checkpoint_every: int
    """Epochs, or 0 for as often as costs under 1 % of the time."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further ones of every MLflow run."""
    any_code: bool = False
    """Whether a run goes on that other code has begun; otherwise it begins anew."""

    def folder_of(self, config: RunConfig) -> "RunFolder":
        """Tell where a run is trained."""
        return run_folder(self.checkpoints, self.experiment.tracking_uri, self.experiment.experiment_id, config)


@dataclass(frozen=True)
class RunFolder:
    """Names the folder of one run, and those beside it of processes that didn't wait for who held it."""

    path: Path

    @property
    def all(self) -> "list[RunFolder]":
        """List it and those beside it, as far as they are there."""
        return [RunFolder(path) for path in self.path.parent.glob(f"{self.path.name}*") if path.is_dir()]

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder; yields whether it is held, or another process holds it.

        The system frees the lock of a process that has died. On some file systems it reaches this machine's processes
        alone: so the holder's machine is named beside it, and of another machine's processes nobody can tell.
        """
        locks, here = self.path.parent / "locks", socket.gethostname()
        locks.mkdir(parents=True, exist_ok=True)
        holder = locks / f"{self.path.name}.holder"
        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(locks / f"{self.path.name}.lock", timeout=0))
                with holder.open("x") as file:
                    file.write(here)
            except Timeout:
                yield False
                return
            except FileExistsError:
                if holder.read_text() not in ("", here):  # empty after a loss of power
                    yield False
                    return
            stack.callback(holder.unlink, missing_ok=True)
            yield True

    def copy(self) -> "RunFolder":
        """Copy the one that is furthest for a process of its own, though others may be at work there."""
        furthest = max(
            self.all, key=lambda each: max((path.name for path in each.path.glob("epoch-*")), default=""), default=self
        )
        copy = self.path.with_name(f"{self.path.name}-{uuid.uuid4().hex[:6]}")
        with suppress(FileNotFoundError, shutil.Error):  # of what has gone meanwhile; all else is copied
            shutil.copytree(furthest.path, copy)
        return RunFolder(copy)

    @property
    def progress(self) -> str:
        """Read how far a process is that trains here, by the size of its journal."""
        return str(Journal(self.path / "journal").size)

    @property
    def attempt(self) -> str:
        """Read the attempt that its journal was begun for, empty where there is none."""
        return Journal(self.path / "journal").attempt

    def clear(self, run_id: str, generation: str) -> None:
        """Delete what this finished run has left, or what is needless now that there is one, where nobody holds it.

        Needless is what was begun for a sweep of this generation, and finished elsewhere.
        """
        for folder in self.all:
            journal = Journal(folder.path / "journal")
            with folder.held() as held:
                if held and (journal.run_id == run_id or journal.generation == generation):
                    shutil.rmtree(folder.path, ignore_errors=True)


def run_folder(root: Path, uri: str, experiment_id: str, config: RunConfig) -> RunFolder:
    """Name the folder of a run of one experiment in one store, by our own words and digits."""
    if not is_sqlite(uri):
        store = without_credentials(uri)
    else:  # which may be moved to another place together with the folder beside it
        store = "" if root == default_root(uri) else str(sqlite_path(uri).absolute())
    key = hashlib.sha256(f"{store} {experiment_id} {config.config_hash}".encode()).hexdigest()[:12]
    name = f"{config.variant}-{config.depth}-seed{config.seed}-{key}"
    return RunFolder(root / name)
