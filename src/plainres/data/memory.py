"""Whether a data set fits into memory."""

import os
import sys

import joblib
import torch

from plainres.config import RunConfig

SHARE = 0.25  # of the memory, that images may take


def memory_for_images(config: RunConfig) -> int:
    """Bytes that the images of a run may take: a quarter of the device's memory, and a run's part of this machine's.

    On the CPU every run has a process and a copy of its own, as many as the cores hold.
    """
    if config.stream != "auto":
        return 0 if config.stream == "always" else sys.maxsize
    if config.device == "cuda":
        return int(SHARE * min(torch.cuda.get_device_properties(0).total_memory, _machine_memory()))
    runs = max(1, joblib.cpu_count() // config.threads)
    return int(SHARE * _machine_memory() / runs)


def _machine_memory() -> int:
    """Bytes, 8 GiB where the system doesn't say."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8 * 2**30
