"""How does one network classify images, from its summary to its mistakes?

`python -m experiments.image_classification --help`.
"""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.data.catalogue import facts_of
from plainres.errors import Terminated
from plainres.settings import RunConfig
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.configure import configure, identified
from plainres.tracking.store import browse_hint
from plainres.workflows.requests import Networks, Place, TrackedRequest, check_place

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.networks.summary import NetworkSummary
    from plainres.running.events import Outcome
    from plainres.running.folders import Job
    from plainres.training import EpochRecord, Trainer

PROGRAM = "uv run python -m experiments.image_classification"
# The tutorial's ResNet-18 has biases under its batch norms and none of these on its shortcuts; its framework trains on
# the last, smaller batch too.
TUTORIAL = {
    "dataset": "mnist",
    "recipe": "mnist",
    "image_size": 224,
    "train_images": 256,
    "test_images": 128,
    "validation_share": 0.1,
    "epochs": 3,
    "keep_last_batch": True,
    "lr": 0.01,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "stem": "imagenet",
    "conv_bias": True,
    "projection_norm": False,
    "threads": 2,
}


@dataclass(frozen=True)
class Flags(TrackedRequest):
    """Train one network on a few images and look at it: its layers, its progress, and what it takes for what.

    By default a ResNet-18 on 256 images of MNIST. The run is tracked in MLflow (MLFLOW_TRACKING_URI, or mlflow.db in
    this folder); one that was interrupted goes on where it was, and a finished one isn't trained again.
    Exit code: 0 finished, 1 the run failed or the tracking store went away, 2 bad input, 130 interrupted.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("--summary --depth 50", "--dataset digits --variant plain --depth 34")

    OWN: ClassVar[Mapping[str, Any]] = TUTORIAL

    variant: str = setting("residual", "residual, or plain (no shortcut).")
    depth: int = redeclared(Networks, "depths", 18)
    seed: int = setting(0, "Of initial weights and order of the images.")
    summary: bool = setting(False, "Print the network's summary and train nothing.", switch=True)
    layers: bool = setting(False, "Give the summary a row for each layer, not only for each stage.", switch=True)
    experiment_name: str = redeclared(
        TrackedRequest, "experiment_name", "image-classification", help="MLflow experiment that the run belongs to."
    )


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then show the network and train it."""
    config = configure(flags.variant, flags.depth, flags.seed, **flags.run.values)
    if flags.summary:
        print(summary_of(config).table(layers=flags.layers))
        return FINISHED
    place = check_place(flags)
    return classify(identified(config), flags, place)


def summary_of(config: RunConfig) -> "NetworkSummary":
    """Summarise a run's network; only a folder of images has to be read for it."""
    from plainres.data import dataset_of
    from plainres.networks.factory import network_for
    from plainres.networks.summary import summarize

    of = facts_of(config.dataset)
    if of.image_shape is not None and of.num_classes is not None:
        (channels, height, width), classes = of.image_shape, of.num_classes
    else:
        dataset = dataset_of(config)
        (channels, height, width), classes = dataset.train.image_shape, dataset.num_classes
    network = network_for(config, in_channels=channels, num_classes=classes)
    return summarize(network, (channels, config.image_size or height, config.image_size or width))


def classify(config: RunConfig, flags: Flags, place: Place) -> int:
    """Train the network, tracked, and print what came out."""
    from plainres.data import dataset_of
    from plainres.names import FINAL_TEST_ERROR, FINAL_TEST_LOSS
    from plainres.running.events import Failed, Finished
    from plainres.running.folders import Job
    from plainres.screen.console import console
    from plainres.tracking.artifacts import artifact_location
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.runs import open_experiment
    from plainres.tracking.source import current_source

    dataset = dataset_of(config)  # before anything is written
    experiment = open_experiment(place.uri, flags.experiment_name)
    screen = console(soft_wrap=True)
    screen.print(summary_of(config).table(layers=flags.layers))
    sizes = ", ".join(f"{size} {split}" for split, size in dataset.sizes.items())
    screen.print(f"\n{config.name} on {config.dataset}: {sizes} images")
    job = Job(
        experiment, None, "", current_source(), place.checkpoints, flags.checkpoint_every, any_code=flags.any_code
    )
    outcome = train(config, job, screen)
    if isinstance(outcome, Failed):
        print(f"failed: {outcome.reason}; to go on: the same command", file=sys.stderr)
        return RUN_FAILED
    assert isinstance(outcome, Finished)
    loss, error = outcome.metrics[FINAL_TEST_LOSS], outcome.metrics[FINAL_TEST_ERROR]
    screen.print(f"test loss {loss:.4f}  test accuracy {1 - error:.2%}")
    with reaching_store():
        artifacts = artifact_location(place.uri, outcome.run_id)
    screen.print(f"\nPictures: {artifacts}/confusion.png and predictions.png")
    screen.print(f"Browse: {browse_hint(place.uri, experiment.experiment_id)}")
    return FINISHED


def train(config: RunConfig, job: "Job", console: "Console") -> "Outcome":
    """Train the run, shown as it goes on: a bar for the steps of an epoch, and a line after each."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from plainres.running.events import Notice, Stopped
    from plainres.running.tracked_run import Hooks, train_run
    from plainres.system.stopping import StopSignal

    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
    )
    stop = StopSignal()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar, stop.listening():
        task = bar.add_task("", total=None, epoch=1, epochs=config.epochs)

        def show_steps(trainer: "Trainer") -> None:
            trainer.after_step = lambda: bar.advance(task)
            bar.update(task, total=trainer.steps, epoch=trainer.epoch + 1)

        def show(trainer: "Trainer", record: "EpochRecord") -> bool:
            if record.epoch > 0:
                console.print(f"epoch {record.epoch}/{config.epochs}  {epoch_text(record, trainer)}")
                bar.reset(task, epoch=min(record.epoch + 1, config.epochs))
            return False

        def notice(event: object) -> None:
            if isinstance(event, Notice):
                console.print(event.text, markup=False)

        hooks = Hooks(on_start=show_steps, on_record=show, on_trained=draw)
        outcome = train_run(config, job, notice, patient=True, stop=stop, hooks=hooks)
    if isinstance(outcome, Stopped):
        raise KeyboardInterrupt if stop.came == signal.SIGINT else Terminated(stop.came)
    return outcome


def draw(trainer: "Trainer", folder: Path) -> None:
    """Write what the trained network takes each test image for, as a table and as pictures."""
    from plainres.analysis.predictions import draw_confusion, draw_predictions, prediction_table
    from plainres.screen.figure_style import save_figure

    dataset = trainer.dataset
    table = prediction_table(dataset.test.labels, trainer.predict(trainer.test_split), dataset.class_names)
    table.to_csv(folder / "predictions.csv", index=False)
    save_figure(draw_confusion(table, dataset.class_names), folder / "confusion.png")
    save_figure(draw_predictions(dataset.test, table), folder / "predictions.png")


def epoch_text(record: "EpochRecord", trainer: "Trainer") -> str:
    """Say an epoch in a line; the time of a step includes its share of the validation."""
    metrics = record.metrics
    step = trainer.images_an_epoch / trainer.steps / metrics["images_per_second"]
    time = f"{step:.2f} s" if step >= 1 else f"{1000 * step:.0f} ms"
    return (
        f"{trainer.steps} steps, {time}/step  loss {metrics['loss/train']:.4f}  accuracy "
        f"{metrics['accuracy/train']:.2%}  validation loss {metrics['loss/validation']:.4f}  validation accuracy "
        f"{metrics['accuracy/validation']:.2%}" + ("  diverged" if record.diverged else "")
    )


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
