"""How does one network classify images, from its summary to its mistakes?

`python -m experiments.image_classification --help`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from plainres.command_line import FINISHED, RunFlags, run_command
from plainres.config import RunConfig, configure
from plainres.recipes import recipe_of
from plainres.tracking.store import browse_hint, check_experiment_name, check_store, tracking_uri

if TYPE_CHECKING:
    from rich.console import Console

    from plainres.networks.summary import NetworkSummary
    from plainres.tracking.runs import Experiment
    from plainres.training import EpochRecord, Trainer

PROGRAM = "uv run python -m experiments.image_classification"
# The tutorial's ResNet-18 has biases under its batch norms and none of these on its shortcuts; its framework trains on
# the last, smaller batch too.
TUTORIAL = RunFlags(
    dataset="mnist",
    recipe="mnist",
    image_size=224,
    train_images=256,
    test_images=128,
    validation_share=0.1,
    augment="none",
    epochs=3,
    batch_size=128,
    keep_last_batch=True,
    lr=0.01,
    momentum=0.0,
    weight_decay=0.0,
    schedule="constant",
    warmup_epochs=0,
    stem="imagenet",
    conv_bias=True,
    projection_norm=False,
    threads=2,
)


@dataclass(frozen=True)
class Flags:
    """Train one network on a few images and look at it: its layers, its progress, and what it takes for what.

    By default a ResNet-18 on 256 images of MNIST. The run is tracked in MLflow (MLFLOW_TRACKING_URI, or mlflow.db in
    this folder). Exit code: 0 finished, 1 the tracking store went away, 2 bad input, 130 interrupted.
    """

    variant: str = "residual"
    """residual, or plain (no shortcut)."""
    depth: int = 18
    """Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage)."""
    seed: int = 0
    """Of initial weights and order of the images."""
    summary: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the network's summary and train nothing."""
    layers: tyro.conf.FlagCreatePairsOff[bool] = False
    """Give the summary a row for each layer, not only for each stage."""
    experiment_name: str = "image-classification"
    """MLflow experiment that the run belongs to."""
    run: Annotated[RunFlags, tyro.conf.arg(name="")] = TUTORIAL


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then show the network and train it."""
    config = configure(flags.variant, flags.depth, flags.seed, **flags.run.settings)
    if flags.summary:
        print(summary_of(config).table(layers=flags.layers))
        return FINISHED
    check_experiment_name(flags.experiment_name)
    uri = tracking_uri()
    check_store(uri)
    return classify(config, flags, uri)


def summary_of(config: RunConfig) -> "NetworkSummary":
    """The summary of a run's network; only a folder of images has to be read for it."""
    from plainres.data import dataset_of
    from plainres.networks.configured import network_for
    from plainres.networks.summary import summarize

    of = recipe_of(config.dataset)
    if of.image_shape is not None and of.num_classes is not None:
        (channels, height, width), classes = of.image_shape, of.num_classes
    else:
        dataset = dataset_of(config)
        (channels, height, width), classes = dataset.train.image_shape, dataset.num_classes
    network = network_for(config, in_channels=channels, num_classes=classes)
    return summarize(network, (channels, config.image_size or height, config.image_size or width))


def classify(config: RunConfig, flags: Flags, uri: str) -> int:
    """Train the network, tracked, and print what came out."""
    from rich.console import Console

    from plainres.data import dataset_of
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.runs import open_experiment

    dataset_of(config)  # before anything is written
    experiment = open_experiment(uri, flags.experiment_name)
    console = Console(highlight=False, soft_wrap=True)
    console.print(summary_of(config).table(layers=flags.layers), markup=False)
    with reaching_store():
        artifacts = train_tracked(config, experiment, console)
    console.print(f"\nPictures: {artifacts}/confusion.png and predictions.png")
    console.print(f"Browse: {browse_hint(uri, experiment.experiment_id)}")
    return FINISHED


def train_tracked(config: RunConfig, experiment: "Experiment", console: "Console") -> str:
    """Train the run, log it and what the network takes each test image for; where its artifacts are."""
    from plainres.analysis.predictions import draw_confusion, draw_predictions, prediction_table
    from plainres.figure_style import DOTS_PER_INCH, plain_style
    from plainres.names import DIVERGED_TAG
    from plainres.tracking.runs import log_metrics, tracked_run
    from plainres.tracking.source import current_source
    from plainres.training import Trainer

    trainer = Trainer(config)
    dataset = trainer.dataset
    client = experiment.client
    sizes = ", ".join(f"{size} {split}" for split, size in dataset.sizes.items())
    console.print(f"\n{config.name} on {config.dataset}: {sizes} images")
    with tracked_run(experiment, config, dataset, None, current_source()) as run_id:
        for record in shown(trainer, console):
            log_metrics(client, run_id, record.metrics, record.epoch)
            if record.diverged:
                client.set_tag(run_id, DIVERGED_TAG, record.epoch)
        loss, error = record.metrics["final/test_loss"], record.metrics["final/test_error"]
        console.print(f"test loss {loss:.4f}  test accuracy {1 - error:.2%}")
        table = prediction_table(dataset.test.labels, trainer.predict(trainer.test_split), dataset.class_names)
        client.log_text(run_id, table.to_csv(index=False), "predictions.csv")
        with plain_style():
            for name, figure in {
                "confusion.png": draw_confusion(table, dataset.class_names),
                "predictions.png": draw_predictions(dataset.test, table),
            }.items():
                client.log_figure(run_id, figure, name, save_kwargs={"dpi": DOTS_PER_INCH})
    return str(client.get_run(run_id).info.artifact_uri).removeprefix("file://")


def shown(trainer: "Trainer", console: "Console") -> "Iterator[EpochRecord]":
    """The records of a training, shown as they come: a bar for the steps of an epoch, and a line after each."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    epochs = trainer.config.epochs
    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=trainer.steps, epoch=1, epochs=epochs)
        trainer.after_step = lambda: progress.advance(task)
        for record in trainer:
            if record.epoch > 0:
                console.print(f"epoch {record.epoch}/{epochs}  {epoch_text(record, trainer)}")
                if record.epoch < epochs:
                    progress.reset(task, epoch=record.epoch + 1)
            yield record


def epoch_text(record: "EpochRecord", trainer: "Trainer") -> str:
    """An epoch in a line; the time of a step includes its share of the validation."""
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
