"""Looks into trained networks: gives them images, logs what is measured, stores and shows the findings."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from mlflow import MlflowClient

from plainres.analysis.report import print_findings
from plainres.analysis.results import IDENTITY, SweepResults
from plainres.analysis.trained import TrainedRun, load_run
from plainres.data import dataset_of
from plainres.errors import BadInput
from plainres.networks.factory import network_for
from plainres.networks.network import Network
from plainres.probes.probe import Batch
from plainres.screen.console import console
from plainres.screen.figure_style import save_figure
from plainres.screen.table import TextTable
from plainres.settings import RunConfig
from plainres.tracking.artifacts import log_artifact
from plainres.tracking.outages import reaching_store
from plainres.tracking.runs import log_metrics
from plainres.tracking.store import browse_hint
from plainres.training.process import initial_draws, settings_of

Measures = Callable[[str, TrainedRun], Mapping[str, float]]  # of a run's id and the run


@dataclass(frozen=True)
class Findings:
    """Holds what an experiment found.

    Attributes:
        question: what the stored table is called.
        data: all numbers.
        table: those that are printed.
        sentences: what they say.
        figures: by name.
        drawn: what figures show beside `data`, by name.
    """

    question: str
    data: pd.DataFrame
    table: TextTable
    sentences: Sequence[str]
    figures: Mapping[str, Figure]
    drawn: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def training_batch(run: TrainedRun, images: int) -> Batch:
    """Draw normalised training images and their labels, the same for all runs on these data, so many or all.

    The first of them are those that probes see in training.
    """
    split = run.dataset.train
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:images]
    ((pixels, labels),) = split.batches(order, len(order))
    return run.normalisation(pixels), labels


def network_at_start(config: RunConfig) -> Network:
    """Build the network as it is before a run's first step, on the CPU."""
    dataset = dataset_of(config)
    with initial_draws(config.seed):
        return network_for(config, in_channels=dataset.train.image_shape[0], num_classes=dataset.num_classes)


@reaching_store()
def inspect(results: SweepResults, measures: Measures) -> pd.DataFrame:
    """Measure each finished run, and log it at its last epoch; the table has a column for each metric.

    Beside them stand arm, variant, depth, seed, run_id and train_error, as in `results.runs`.

    Raises:
        StoreAway: the store went away meanwhile.
    """
    client = MlflowClient(results.tracking_uri)
    rows: list[dict[str, Any]] = []
    for known in results.runs[[*IDENTITY, "run_id", "train_error"]].to_dict("records"):
        end = client.get_run(known["run_id"]).info.end_time
        run = load_run(known["run_id"], results.tracking_uri)
        with settings_of(run.config):
            values = dict(measures(known["run_id"], run))
        # What is measured again is logged with the same time, and so has no effect.
        log_metrics(client, known["run_id"], values, run.config.epochs, end)
        rows.append({**{str(name): value for name, value in known.items()}, **values})
    if not rows:
        raise BadInput("no run has finished, so there is nothing to look into")
    return pd.DataFrame(rows)


def columns(table: pd.DataFrame, prefix: str) -> list[str]:
    """List the columns whose names begin with a prefix and go on with a block's, the first block first."""
    found = [name for name in map(str, table) if name.startswith(prefix)]
    return sorted(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


@reaching_store()
def present(results: SweepResults, findings: Findings) -> None:
    """Store the numbers as CSV and the figures as PNG with the parent run, and print what is to be read.

    Raises:
        StoreAway: the store went away meanwhile.
    """
    with TemporaryDirectory() as folder:
        for name, numbers in {"": findings.data, **findings.drawn}.items():
            numbers.to_csv(Path(folder) / f"{'-'.join(filter(None, (findings.question, name)))}.csv", index=False)
        for name, figure in findings.figures.items():
            save_figure(figure, Path(folder) / f"{name}.png")
        log_artifact(results.tracking_uri, results.parent_run_id, Path(folder))
    note = "\n\n".join(findings.sentences)
    MlflowClient(results.tracking_uri).set_tag(results.parent_run_id, "mlflow.note.content", note)
    print_findings([findings.table], findings.sentences)
    screen = console(soft_wrap=True)
    screen.print(f"\nTable and figures: {results.folder}")
    screen.print(f"Browse: {browse_hint(results.tracking_uri, results.experiment_id)}")
