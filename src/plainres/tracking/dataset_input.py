"""Notes the data set of a run as MLflow's dataset input, which the UI shows in a column of its own."""

import hashlib
import json
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from plainres.data.catalogue import facts_of
from plainres.settings import RunConfig
from plainres.tracking.database import opening_store
from plainres.tracking.outages import making_once

if TYPE_CHECKING:  # it would import torch
    from plainres.data import ImageDataset


def log_dataset(tracking_uri: str, run_id: str, config: RunConfig, dataset: "ImageDataset") -> None:
    """Note the data set that a run learns from; again has no effect.

    MLflow makes a row for each name and digest when it is first noted: one worker of this machine at a time.
    """
    noted = DatasetInput(_entity(config, dataset), [InputTag(MLFLOW_DATASET_CONTEXT, "training")])
    client = MlflowClient(tracking_uri)
    with opening_store(tracking_uri):
        making_once(lambda: client.log_inputs(run_id, [noted]))


def copy_dataset(client: MlflowClient, run_id: str, to_run_id: str) -> None:
    """Note the data set of one run with another too, as a sweep's parent; again has no effect."""
    inputs = client.get_run(run_id).inputs
    if inputs and inputs.dataset_inputs:
        making_once(lambda: client.log_inputs(to_run_id, inputs.dataset_inputs))


def _entity(config: RunConfig, dataset: "ImageDataset") -> Dataset:
    content = getattr(dataset, "content", "")
    facts = (dataset.name, content, dataset.sizes, dataset.num_classes, dataset.validation_hash)
    return Dataset(
        name=dataset.name,
        digest=hashlib.sha256(repr(facts).encode()).hexdigest()[:16],
        source_type="local",
        source=json.dumps({"uri": config.data_dir if facts_of(config.dataset).needs_files else "scikit-learn"}),
        profile=json.dumps({"num_rows": sum(dataset.sizes.values()), **dataset.sizes, "classes": dataset.num_classes}),
    )
