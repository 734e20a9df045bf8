"""Profiles a training step: what the device does in it, and whether the host or the device is waited for.

`python -m tests.gpu.profile_step DEPTH SETTINGS [DEPTH SETTINGS ...]`, with settings as JSON: each step is profiled
captured and eager.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from time import perf_counter

import torch
from torch.profiler import ProfilerActivity, profile

from experiments._throughput.loops import harness
from plainres.settings import RunConfig
from plainres.sweeps.configure import configure

WARM_UP = 10  # steps, in which algorithms are chosen and the step is captured
TIMED, PROFILED = 50, 5  # steps
ROWS = 25


def report(config: RunConfig) -> str:
    """Time and profile the steps of a run; what is found, as text."""
    steps = harness(config)
    take(steps, WARM_UP, config)
    queued, done = take(steps, TIMED, config)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        take(steps, PROFILED, config)
    table = profiler.key_averages().table(
        sort_by=f"self_{config.device}_time_total", row_limit=ROWS, max_name_column_width=70
    )
    kind = "captured" if config.cuda_graph else "eager"
    return "\n".join(
        [
            f"{config.network}, batch {config.batch_size}, {config.precision} on {config.device}, {kind}",
            f"a step takes {1000 * done / TIMED:.3f} ms; the host has queued it after {1000 * queued / TIMED:.3f} ms",
            f"{PROFILED} steps:",
            table,
        ]
    )


def take(steps: Iterator[int], count: int, config: RunConfig) -> tuple[float, float]:
    """Take so many steps; the seconds after which they are queued, and after which they are done."""
    synchronise(config)
    started = perf_counter()
    for _ in islice(steps, count):
        pass
    queued = perf_counter() - started
    synchronise(config)
    return queued, perf_counter() - started


def synchronise(config: RunConfig) -> None:
    """Wait until the device has done what is queued."""
    if config.device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    for depth, settings in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        config = configure("residual", int(depth), **json.loads(settings))
        for graph in (True, False):
            print(report(replace(config, cuda_graph=graph)), flush=True)
