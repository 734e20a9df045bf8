"""The flags that say how an unfinished run is kept, as every command that trains has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from plainres.cli.command_line import with_default
from plainres.running.folders import checkpoint_root


@dataclass(frozen=True)
class CheckpointFlags:
    """How often an unfinished run is saved, and where."""

    checkpoint_every: Annotated[int, with_default("0, as often as costs under 1 % of the time", "INT", 0)] = 0
    """Epochs between two checkpoints of a run; one that was interrupted goes on from its last."""
    checkpoint_dir: Annotated[str | None, with_default("mlruns/checkpoints beside the store", "PATH")] = None
    """Where the checkpoints lie; a process that shares it goes on from the checkpoints of one that died."""

    def root(self, uri: str) -> Path:
        """The folder of all checkpoints of runs in a store; raises BadInput if they can't be written there."""
        return checkpoint_root(self.checkpoint_dir, self.checkpoint_every, uri)
