"""Loads a trained network from the tracking store, with all that is needed to use it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mlflow.exceptions import MlflowException
from torch import Tensor

from plainres.analysis.stored_runs import stored_run
from plainres.data import ImageDataset, dataset_of
from plainres.data.batches import Normalise
from plainres.errors import BadInput, first_line
from plainres.names import MODEL_DIGEST_TAG, MODEL_FILE
from plainres.networks.factory import network_for
from plainres.networks.network import Network
from plainres.settings import RunConfig
from plainres.system.files import digest_of
from plainres.tracking.artifacts import download_artifact
from plainres.tracking.store import tracking_uri as default_uri
from plainres.training.process import as_torch_begins

BATCH = 512  # images that are predicted at once


@dataclass(frozen=True)
class TrainedRun:
    """Holds a finished run: its network on the CPU in evaluation mode, and its configuration.

    Attributes:
        network: from normalised images (N, C, H, W) to logits (N, classes).
    """

    network: Network
    config: RunConfig

    @cached_property
    def dataset(self) -> ImageDataset:
        """Load the data set that it was trained on, once; raises BadInput where that is not to be had."""
        return dataset_of(self.config)

    @cached_property
    def normalisation(self) -> Normalise:
        """Turn pixels, as the data set has them, into what the network takes."""
        return Normalise(*self.dataset.channel_statistics())

    def predict(self, images: Tensor) -> Tensor:
        """Predict the probability of each class, (N, classes), for images of uint8 pixels, (N, C, H, W)."""
        with as_torch_begins(), torch.no_grad():
            logits = [self.network(self.normalisation(batch)) for batch in torch.split(images, BATCH)]
        return torch.cat(logits).softmax(1)


def load_run(run_id: str, tracking_uri: str | None = None) -> TrainedRun:
    """Load a trained run from the tracking store.

    Args:
        run_id: of one training, as in the column `run_id` of `plainres.analysis.read_sweep(...).runs`.
        tracking_uri: of the store; MLFLOW_TRACKING_URI or mlflow.db here by default.

    Raises:
        BadInput: there is no such run, or it has no trained network: it isn't finished, or is no training.
    """
    uri = tracking_uri or default_uri()
    stored = stored_run(uri, run_id).data
    params = stored.params
    if "variant" not in params:
        raise BadInput(f"run {run_id} is not the training of a network")
    try:
        with TemporaryDirectory() as folder:
            path = download_artifact(uri, run_id, MODEL_FILE, Path(folder))
            weights, damage = _weights(path, stored.tags.get(MODEL_DIGEST_TAG))
    except (MlflowException, OSError) as error:
        raise BadInput(
            f"run {run_id} holds no trained network, as in a sweep that was handed on without: {first_line(error)}"
        ) from None
    config = RunConfig.from_params(params)
    if damage:
        raise BadInput(
            f"the network of run {run_id} ({config.name}) is damaged: {MODEL_FILE} {damage}; after "
            f"`uv run mlflow runs delete --run-id {run_id}` the command that trained it trains it anew"
        )
    in_channels, num_classes = weights["conv1.weight"].shape[1], len(weights["fc.weight"])
    with as_torch_begins(), torch.random.fork_rng(devices=[]):  # whoever loads a run keeps their random numbers
        network = network_for(config, in_channels=in_channels, num_classes=num_classes, progress=1.0)
        network.load_state_dict(weights)
    return TrainedRun(network.eval(), config)


def _weights(path: Path, digest: str | None) -> tuple[dict[str, Tensor], str]:
    """Read the weights in a file, or say how it is damaged.

    Args:
        path: of the file.
        digest: its SHA-256 as noted when it was stored, which it wasn't in runs of before.
    """
    if digest and digest_of(path) != digest:
        return {}, "is not what was stored" if path.stat().st_size else "is empty"
    try:
        with as_torch_begins():
            return torch.load(path, map_location="cpu", weights_only=True), ""
    except Exception as error:  # whatever torch.load makes of it
        return {}, f"can't be read ({first_line(error)})"
