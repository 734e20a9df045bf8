"""Trains runs in each of torchrun's processes: `train_together.py STATE OUT`; the first writes what came of them.

STATE is a state of `CASES["plain"]` after its first epoch, trained by one process, from which they go on.
"""

import copy
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from plainres.data.shares import Share
from plainres.settings import RunConfig
from plainres.sweeps.configure import configure
from plainres.training import Trainer

# Of 1,293 training images.
CASES: dict[str, dict[str, Any]] = {
    "plain": {"variant": "plain"},
    "residual": {"variant": "residual"},
    "one step": {"variant": "plain", "epochs": 1, "batch_size": 1293},  # shares of 647 and 646
    "odd batches": {"variant": "residual", "shortcut": "B", "batch_size": 65, "keep_last_batch": True,
                    "augment": "crop-flip", "lr": 0.02},
    "own statistics": {"variant": "plain", "epochs": 1, "batch_size": 1293, "norm_shares": 2},
}  # fmt: skip


def config_of(case: str, **settings: Any) -> RunConfig:
    return configure(**{"depth": 8, "width": 8, "epochs": 2, "device": "cpu", **CASES[case], **settings})


def main(state: str, out: str) -> None:
    distributed.init_process_group("gloo")
    share = Share(distributed.get_rank(), distributed.get_world_size())
    found: dict[str, Any] = {}
    first_epoch = {}
    for case in CASES:
        trainer = Trainer(config_of(case), share)
        records = []
        for record in trainer:
            records.append(record.metrics)
            if case == "plain" and record.epoch == 1:
                first_epoch = copy.deepcopy(trainer.state_dict())
        found[case] = records
        found[f"{case}: state"] = trainer.network.state_dict()
        found[f"{case}: layers"] = {type(module).__module__ for module in trainer.network.modules()}
    for name, start in {"again": first_epoch, "after one": torch.load(state)}.items():
        trainer = Trainer(config_of("plain"), share)
        trainer.load_state_dict(start)
        found[name] = [record.metrics for record in trainer]
        found[f"{name}: state"] = trainer.network.state_dict()
    torch.save(found, Path(out) / f"{os.environ['RANK']}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
