"""Times a training step of several networks by turns, which tells what a cure costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from statistics import median
from time import perf_counter

import pandas as pd
import torch

from plainres.settings import RunConfig
from plainres.system.hardware import processor
from plainres.training import Trainer

ROUNDS, STEPS = 3, 3
WARM_UP = {"cpu": 1, "mps": 5, "cuda": 5}  # steps, in which libraries choose their algorithms and one is captured


def time_steps(configs: Sequence[RunConfig]) -> pd.DataFrame:
    """Time a training step of each run, by turns whose order alternates, so that a slower spell falls on all.

    Only one network is in memory at a time. What else the machine does then is in the times; their ratios bear it
    better.

    Returns:
        A row for each run and round: arm, depth, round, seconds a step, processor.
    """
    rows = [
        (config.arm, config.depth, number, _seconds(config), processor(config.device))
        for number in range(ROUNDS)
        for config in configs[:: 1 if number % 2 == 0 else -1]
    ]
    return pd.DataFrame(rows, columns=["arm", "depth", "round", "seconds", "processor"])


def relative_times(times: pd.DataFrame, to: str) -> Mapping[str, float]:
    """Give each arm's time a step over that of the arm `to`: the median over rounds of the ratio within a round.

    Args:
        times: as `time_steps` gives them, of one depth.
        to: an arm among them.
    """
    by_arm = times.pivot(index="round", columns="arm", values="seconds")
    return {str(arm): median(by_arm[arm] / by_arm[to]) for arm in by_arm}


def _seconds(config: RunConfig) -> float:
    """The seconds of a step of a network that is made for it."""
    steps = _steps(config)
    for _ in islice(steps, WARM_UP[config.device]):
        pass
    _wait(config)
    started = perf_counter()
    for _ in islice(steps, STEPS):
        pass
    _wait(config)
    return (perf_counter() - started) / STEPS


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
