"""Streams images that don't fit into memory: worker processes decode them while the network trains."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import joblib
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from plainres.data.cache import cached, listing_digest
from plainres.data.decode import RULES, Shape, decode
from plainres.data.notices import with_bar
from plainres.errors import BadInput
from plainres.system.processes import shorten_socket_addresses

MOST_WORKERS = 8  # that a run on a GPU takes unless told; a run on the CPU takes one beside its own thread
CHUNK = 256  # files that a thread counts at a time
# How processes that load images start: forked on Linux, at once; a server that forks them, and so they, would outlive a
# run that is killed.
LOADER_START = "fork" if sys.platform == "linux" else None
CPU = torch.device("cpu")

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class StreamedSplit:
    """Holds images in files, uint8 of one shape (C, H, W), and their labels (N,), int64.

    `workers` processes decode them, ahead of what is asked for: with 0, one for the CPU and up to 8 for a GPU.
    """

    paths: Sequence[Path]
    labels: Tensor
    image_shape: Shape
    resized: bool
    cache_dir: Path
    workers: int = 0
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "StreamedSplit":
        """Return the same images, whose batches come to the device."""
        return dataclasses.replace(self, device=device)

    def select(self, indices: np.ndarray) -> "StreamedSplit":
        """Return the images of these indices."""
        return dataclasses.replace(self, paths=[self.paths[index] for index in indices], labels=self.labels[indices])

    def take(self, indices: np.ndarray) -> Tensor:
        """Return the images of a few indices, (N, C, H, W)."""
        files = _Files(self.paths, self.image_shape, self.resized)
        return torch.stack([files[index] for index in indices])

    def batches(self, order: Tensor, batch_size: int) -> Iterator[Batch]:
        """Yield images (batch, C, H, W) and labels in this order of indices, on the device.

        Raises:
            BadInput: a file can no longer be decoded.
        """
        shorten_socket_addresses()
        chunks = torch.split(order, batch_size)
        on_gpu = self.device.type == "cuda"
        loader = DataLoader(
            _Files(self.paths, self.image_shape, self.resized),
            batch_sampler=[chunk.tolist() for chunk in chunks],
            num_workers=self.workers or (min(MOST_WORKERS, joblib.cpu_count()) if on_gpu else 1),
            pin_memory=on_gpu,
            multiprocessing_context=LOADER_START,
            generator=torch.Generator(),  # or it would draw from the one that weights are drawn from
        )
        labels = ((self.labels[chunk].pin_memory() if on_gpu else self.labels[chunk]) for chunk in chunks)
        try:
            yield from _ahead(zip(loader, labels, strict=True), self.device)
        except BadInput as error:  # with a worker's traceback before its message
            raise BadInput(str(error).strip().splitlines()[-1].partition(": ")[2]) from None

    def histogram(self) -> Tensor:
        """Count how often each channel has each value, (C, 256); decodes every file, once for all runs."""
        return self._histogram

    @cached_property
    def _histogram(self) -> Tensor:
        def count(paths: Sequence[Path]) -> np.ndarray:
            counts = np.zeros((self.image_shape[0], 256), np.int64)
            for path in paths:
                for channel, pixels in enumerate(decode(path, self.image_shape, resized=self.resized)):
                    counts[channel] += np.bincount(pixels.ravel(), minlength=256)
            return counts

        def read() -> np.ndarray:
            chunks = [self.paths[start : start + CHUNK] for start in range(0, len(self), CHUNK)]
            with ThreadPoolExecutor() as threads:
                counts = list(with_bar(threads.map(count, chunks), len(chunks), "reading images"))
            total: np.ndarray = np.stack(counts).sum(0)
            return total

        key = ("histogram", listing_digest(self.paths), self.image_shape, self.resized, RULES)
        return torch.from_numpy(cached(self.cache_dir, key, read))

    def verify(self) -> None:
        """Raise BadInput if a file can't be decoded."""
        self.histogram()


@dataclass(frozen=True)
class _Files(Dataset[Tensor]):
    paths: Sequence[Path]
    shape: Shape
    resized: bool

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(decode(self.paths[index], self.shape, resized=self.resized).copy())


@cache
def _copying_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all splits: torch keeps the memory that a stream has used for that stream alone."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches on the device; to a GPU the next one is copied while this one is worked on."""
    if device.type != "cuda":
        yield from ((images.to(device), labels.to(device)) for images, labels in batches)
        return
    copying = _copying_stream(device)
    here = torch.cuda.current_stream(device)
    waiting: Batch | None = None
    for images, labels in batches:
        with torch.cuda.stream(copying):
            coming = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        if waiting:
            yield waiting
        here.wait_stream(copying)
        for tensor in coming:
            tensor.record_stream(here)  # its memory isn't used again before what is queued here is done
        waiting = coming
    if waiting:
        yield waiting
