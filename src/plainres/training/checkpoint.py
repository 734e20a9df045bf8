"""Saves and loads checkpoints of a run: whole or not there, two generations, read without pickle, and cheap."""

import copy
import hashlib
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plainres.system.files import write_whole

GENERATIONS = 2
SHARE_OF_TIME = 0.005  # of a run's, that checkpoints on disk and copies in memory may take each
NAME = re.compile(r"epoch-(\d{7})-([0-9a-f]{16})\.pt")

State = dict[str, Any]


def save_checkpoint(folder: Path, state: State) -> None:
    """Write a state, as of `Trainer.state_dict`, and drop all but the two newest.

    Raises:
        OSError: it can't be written; the earlier ones are as they were.
    """
    buffer = BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest()[:16]
    write_whole(folder / f"epoch-{state['epoch']:07}-{digest}.pt", content)
    for path in _newest_first(folder)[GENERATIONS:]:
        path.unlink()


def checkpoints(folder: Path, last_epoch: int, warn: Callable[[str], None]) -> Iterator[tuple[Path, State]]:
    """Yield the whole states up to this epoch, the newest first; delete later ones, and damaged ones with a warning."""
    for path in _newest_first(folder):
        match = NAME.fullmatch(path.name)
        assert match
        if int(match[1]) > last_epoch:
            path.unlink()
            continue
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:16] != match[2]:
                raise ValueError("its checksum is wrong")
            state: State = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # whatever torch.load makes of it
            warn(f"checkpoint {path.name} is damaged ({str(error).partition(chr(10))[0]}): taking the one before")
            path.unlink(missing_ok=True)
        else:
            yield path, state


def set_aside(path: Path) -> None:
    """Rename a checkpoint that can't be gone on from, as one of another version, so that it isn't tried again."""
    path.rename(path.with_name(f"aside-{path.name}"))


def copy_state(state: Any) -> Any:
    """Copy a state to the CPU, so that the trainer doesn't change it as it trains on."""
    match state:
        case torch.Tensor():
            return state.to("cpu", copy=True)
        case dict():
            return {name: copy_state(value) for name, value in state.items()}
        case list():
            return [copy_state(value) for value in state]
        case _:
            return state


def save_model(path: Path, network: nn.Module) -> None:
    """Write a network's weights, as `torch.load(path, weights_only=True)` reads them."""
    buffer = BytesIO()
    torch.save({name: tensor.cpu() for name, tensor in network.state_dict().items()}, buffer)
    write_whole(path, buffer.getbuffer())


def export_model(path: Path, network: nn.Module, image_shape: tuple[int, int, int]) -> None:
    """Write a network as `torch.export.load(path).module()` gives it back without plainres, in evaluation mode.

    Args:
        path: ends in `.pt2`.
        network: from normalised images (N, C, H, W), of any N, to logits.
        image_shape: (C, H, W).
    """
    on_cpu = copy.deepcopy(network).cpu().eval()
    example = (torch.zeros(2, *image_shape),)
    program = torch.export.export(on_cpu, example, dynamic_shapes=({0: torch.export.Dim("images")},))
    buffer = BytesIO()
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # that it may be on no CPU: it is
        torch.export.save(program, buffer)
    write_whole(path, buffer.getbuffer())


def _newest_first(folder: Path) -> list[Path]:
    return sorted(
        (path for path in folder.glob("epoch-*.pt") if NAME.fullmatch(path.name) and path.is_file()), reverse=True
    )


class Rhythm:
    """Tells when a run is to be made safe again: every so many epochs or, with 0, when it costs little enough.

    Args:
        every: epochs, or 0.
        cost: seconds that it is thought to take until it was done once.
    """

    def __init__(self, every: int, cost: float) -> None:
        self.every = every
        self.cost = cost
        self.last = time.monotonic()

    def is_due(self, epoch: int) -> bool:
        """Say whether to do it after this epoch."""
        if self.every:
            return epoch % self.every == 0
        return self.cost <= SHARE_OF_TIME * (time.monotonic() - self.last)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure how long it takes; enter around doing it."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.last = time.monotonic()
            self.cost = self.last - started
