"""Times a training step of networks beside one of a first network, which tells what a cure costs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from statistics import median
from time import perf_counter

import pandas as pd
import torch

from plainres.settings import RunConfig
from plainres.system.hardware import processor
from plainres.training import Trainer

FEWEST, MOST, SECONDS = 5, 20, 4.0  # turns of each network, and how long it may take after the fewest
WARM_UP = {"cpu": 1, "mps": 5, "cuda": 5}  # steps, in which libraries choose their algorithms and one is captured


def time_steps(configs: Sequence[RunConfig]) -> pd.DataFrame:
    """Time a training step of each run and of the first run by turns, so that a slower spell falls on both.

    Two networks at a time are in memory.

    Returns:
        A row for each run: arm, depth, seconds (the median of its steps), ratio (the median over pairs of steps, its
        own over the first run's; 1 of that) and processor.
    """
    first = _times(configs[0])
    rows = []
    for config in configs:
        own = first if config is configs[0] else _times(config)
        pairs: list[tuple[float, float]] = []
        while len(pairs) < FEWEST or (len(pairs) < MOST and sum(map(sum, pairs)) < SECONDS):
            pairs.append((next(own), next(first)))
        ratio = 1.0 if own is first else median(seconds / of_first for seconds, of_first in pairs)
        seconds = median(seconds for seconds, _ in pairs)
        rows.append((config.arm, config.depth, seconds, ratio, processor(config.device)))
    return pd.DataFrame(rows, columns=["arm", "depth", "seconds", "ratio", "processor"])


def _times(config: RunConfig) -> Iterator[float]:
    """The seconds of each step of a network, for ever."""
    steps = _steps(config)
    for _ in islice(steps, WARM_UP[config.device]):
        pass
    while True:
        _wait(config)
        started = perf_counter()
        next(steps)
        _wait(config)
        yield perf_counter() - started


def _steps(config: RunConfig) -> Iterator[int]:
    trainer = Trainer(replace(config, schedule="constant", warmup_epochs=0))
    while True:
        yield from trainer.train_steps()


def _wait(config: RunConfig) -> None:
    """Wait for what is queued on an accelerator."""
    if config.device == "cuda":
        torch.cuda.synchronize()
    elif config.device == "mps":
        torch.mps.synchronize()
