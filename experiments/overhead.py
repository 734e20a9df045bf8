"""What does the evidence cost? Times training with gradient norms, tracking and display against training without.

`python -m experiments.overhead`: both in one process, in turn, on one thread, tracked in a temporary store.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.command_line import FINISHED, RunFlags, run_command
from plainres.config import RunConfig, configure
from plainres.errors import BadInput

if TYPE_CHECKING:
    from plainres.sweep.display import Display
    from plainres.tracking.runs import Experiment

PROGRAM = "python -m experiments.overhead"


@dataclass(frozen=True)
class Flags:
    """Time training with gradient norms, MLflow tracking and the display against the same training without them."""

    depths: tuple[int, ...] = (18, 50)
    """Depths of the residual networks that are trained."""
    repeats: int = 5
    """Trainings of each kind; the median counts."""
    run: Annotated[RunFlags, tyro.conf.arg(name="")] = field(default_factory=RunFlags)


def main(flags: Flags) -> int:
    """Print, for each depth, the median seconds of both kinds and the median of their ratios pair by pair."""
    if flags.repeats < 1:
        raise BadInput(f"repeats {flags.repeats} is below 1")
    configs = [configure("residual", depth, **flags.run.settings) for depth in flags.depths]

    from rich.console import Console

    from plainres.sweep.display import LiveDisplay
    from plainres.tracking.runs import open_experiment

    with TemporaryDirectory() as folder, (Path(folder) / "screen").open("w") as screen:
        experiment = open_experiment(f"sqlite:///{Path(folder) / 'mlflow.db'}", "overhead")
        for config in configs:
            _seconds_without(config)  # warms up
            with LiveDisplay(Console(file=screen, force_terminal=True), [config]) as display:
                pairs = [
                    (_seconds_with(config, experiment, display), _seconds_without(config)) for _ in range(flags.repeats)
                ]
            ratios = [evidence / bare for evidence, bare in pairs]
            print(
                f"residual {config.depth}: with {median(pair[0] for pair in pairs):.2f} s, "
                f"without {median(pair[1] for pair in pairs):.2f} s, "
                f"ratio {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})",
                flush=True,
            )
    return FINISHED


def _seconds_with(config: RunConfig, experiment: "Experiment", display: "Display") -> float:
    from plainres.data import load_dataset
    from plainres.sweep.workers import Finished, Progress
    from plainres.tracking.runs import log_metrics, tracked_run
    from plainres.tracking.source import current_source
    from plainres.training import train

    source = current_source()
    started = perf_counter()
    client = experiment.client
    with tracked_run(experiment, config, load_dataset(config.dataset), None, source) as run_id:
        for record in train(config):
            log_metrics(client, run_id, record.metrics, record.epoch)
            if record.epoch > 0:
                loss, accuracy = record.metrics["loss/train"], record.metrics["accuracy/train"]
                display.show(Progress(config, record.epoch, loss, accuracy))
    display.show(Finished(config, run_id, record.metrics["final/train_error"]))
    return perf_counter() - started


def _seconds_without(config: RunConfig) -> float:
    import torch

    from plainres.training import Trainer

    started = perf_counter()
    trainer = Trainer(config)
    nothing = torch.zeros(len(trainer.gradient_norms.names))
    trainer.gradient_norms.measure = lambda: nothing  # type: ignore[method-assign]
    for _ in trainer:
        pass
    return perf_counter() - started


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
