"""The flags that say how an unfinished run is kept, as every command that trains has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from plainres.command_line import with_default
from plainres.errors import BadInput
from plainres.running.folders import check_root, default_root


@dataclass(frozen=True)
class CheckpointFlags:
    """How often an unfinished run is saved, and where."""

    checkpoint_every: Annotated[int, with_default("0, as often as costs under 1 % of the time", "INT", 0)] = 0
    """Epochs between two checkpoints of a run; one that was interrupted goes on from its last."""
    checkpoint_dir: Annotated[str | None, with_default("mlruns/checkpoints beside the store", "PATH")] = None
    """Where the checkpoints lie; processes that share a store must share it, so that each run is trained once."""

    def __post_init__(self) -> None:
        """Raise BadInput for a number of epochs that can't be."""
        if self.checkpoint_every < 0:
            raise BadInput(f"checkpoint-every {self.checkpoint_every} is below 0")

    def root(self, uri: str) -> Path:
        """The folder of all checkpoints of runs in a store; raises BadInput if they can't be written there."""
        root = Path(self.checkpoint_dir) if self.checkpoint_dir else default_root(uri)
        check_root(root)
        return root
