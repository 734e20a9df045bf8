"""Whether a data set fits into memory."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import joblib
import torch

from plainres.settings import RunConfig

SHARE = 0.25  # of the memory, that images may take
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_for_images(config: RunConfig) -> int:
    """Bytes that the images of a run may take: a quarter of the memory, or of a GPU's if that's less.

    On the CPU it's shared by as many runs as the cores hold, each of which has a copy of its own. Several runs on one
    GPU each take as much: `--stream always` is for those that don't fit side by side.
    """
    if config.stream != "auto":
        return 0 if config.stream == "always" else sys.maxsize
    if config.device == "cuda" and torch.cuda.is_available():  # else it is trained elsewhere, and looked into here
        return int(SHARE * min(torch.cuda.get_device_properties(0).total_memory, _machine_memory()))
    runs = max(1, joblib.cpu_count() // config.threads)
    return int(SHARE * _machine_memory() / runs)


def _machine_memory() -> int:
    """Bytes of the machine, or of the container if it has fewer; 8 GiB where the system doesn't say."""
    if not (hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names):
        return 8 * 2**30
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # there is no such file, or it says `max`
        memory = min(memory, int(CONTAINER_LIMIT.read_text()))
    return memory
