"""What does the evidence cost? Times training with gradient norms, tracking and display against training without.

`python -m experiments.overhead`: one training on one thread, in which epochs with and without take turns.
"""

import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import ClassVar

from plainres.cli.command_line import FINISHED, run_command
from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.settings.declaration import check_values, setting
from plainres.sweeps.configure import configure

PROGRAM = "uv run python -m experiments.overhead"


@dataclass(frozen=True)
class Flags:
    """Time training with gradient norms, MLflow tracking and the display against the same training without them."""

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--depths 18 --pairs 10")

    depths: tuple[int, ...] = setting((18, 50), "Depths of the residual networks that are trained.", words="depth")
    pairs: int = setting(30, "Pairs of epochs, one with and one without.", least=2)


def main(flags: Flags) -> int:
    """Print the cost for each depth."""
    if not flags.depths:
        raise BadInput("no depth is given")
    check_values(flags)
    for config in [configure("residual", depth, cuda_graph=False) for depth in flags.depths]:
        run_seconds, pairs = measure(config, flags.pairs)
        ratios = [evidence / bare for evidence, bare in pairs]
        low, _, high = quantiles(ratios, n=4)
        bare = median(bare for _, bare in pairs)
        whole = median(ratios) + run_seconds / (config.epochs * bare)
        print(
            f"residual {config.depth}: an epoch takes {bare:.2f} s without, {median(ratios):.3f} times that with "
            f"(quartiles {low:.3f} to {high:.3f}); opening and closing a run takes {run_seconds * 1000:.0f} ms; "
            f"over {config.epochs} epochs {whole:.3f} times",
            flush=True,
        )
    return FINISHED


def measure(config: RunConfig, count: int) -> tuple[float, list[tuple[float, float]]]:
    """Measure the seconds of opening and closing a run, and `count` pairs of an epoch's seconds with and without."""
    import torch
    from rich.console import Console

    from plainres.names import MODEL_FILE
    from plainres.running.events import Progress, Started
    from plainres.running.shown_runs import RunsTally
    from plainres.screen.screens import LiveScreen
    from plainres.tracking.journal import Journal
    from plainres.tracking.run_log import RunLog
    from plainres.tracking.runs import open_experiment
    from plainres.tracking.source import current_source
    from plainres.training import Trainer

    trainer = Trainer(replace(config, epochs=2 * count + 2))
    norms = trainer.training_step.probe
    nothing = torch.zeros(len(norms.names), device=trainer.device)
    source = current_source()
    pairs = []
    with (
        TemporaryDirectory() as folder,
        (Path(folder) / "screen").open("w") as file,
        closing(Journal(Path(folder) / "journal").open()) as journal,
    ):
        experiment = open_experiment(f"sqlite:///{Path(folder) / 'mlflow.db'}", "overhead")
        (Path(folder) / "artifacts").mkdir()
        (Path(folder) / "artifacts" / MODEL_FILE).touch()  # without which no run ends
        log = RunLog(journal, experiment, config, trainer.dataset, None, source, {})
        started = perf_counter()
        log.finish(Path(folder) / "artifacts")
        run_seconds = perf_counter() - started
        records = iter(trainer)
        for record in records:  # initialisation and the first epoch warm up
            if record.epoch == 1:
                break
        tally = RunsTally({trainer.config: trainer.config.name})
        with LiveScreen(Console(file=file, force_terminal=True), tally.after(Started(trainer.config, 1))) as screen:
            for _ in range(count):
                started = perf_counter()
                record = next(records)
                journal.add(record.epoch, record.metrics, diverged=False, last=False)
                log.send()
                screen.show(tally.after(Progress(trainer.config, record.epoch, record.metrics["loss/train"], 0.0)))
                evidence = perf_counter() - started
                screen.stop()
                with_norms, norms.measure = norms.measure, lambda: nothing  # type: ignore[method-assign]
                started = perf_counter()
                next(records)
                pairs.append((evidence, perf_counter() - started))
                norms.measure = with_norms  # type: ignore[method-assign]
                screen.start()
    return run_seconds, pairs


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
