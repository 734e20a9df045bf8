"""A trained network back from the tracking store, for experiments that open the box."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from plainres.config import RunConfig
from plainres.errors import BadInput
from plainres.names import MODEL_FILE
from plainres.networks.configured import network_for
from plainres.networks.network import Network
from plainres.tracking.artifacts import download_artifact
from plainres.tracking.shown import first_line
from plainres.tracking.store import tracking_uri as default_uri


def load_network(run_id: str, tracking_uri: str | None = None) -> Network:
    """The network that a sweep's run has trained, on the CPU and in evaluation mode.

    Args:
        run_id: of one training, as in the column `run_id` of `plainres.analysis.load_sweep(...).runs`.
        tracking_uri: of the store; MLFLOW_TRACKING_URI or mlflow.db here by default.

    Returns:
        A module from normalised images (N, C, H, W) to logits (N, classes); `plainres.data` has the images of the
        run's configuration, which `RunConfig.from_params` makes of the run's parameters.

    Raises:
        BadInput: there is no such run, or it has no trained network: it isn't finished, or isn't of a sweep.
    """
    uri = tracking_uri or default_uri()
    try:
        params = MlflowClient(uri).get_run(run_id).data.params
        if "variant" not in params:
            raise BadInput(f"run {run_id} is not the training of a network")
        with TemporaryDirectory() as folder:
            path = download_artifact(uri, run_id, MODEL_FILE, Path(folder))
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except (MlflowException, OSError) as error:
        raise BadInput(f"run {run_id} holds no trained network: {first_line(error)}") from error
    config = RunConfig.from_params(params)
    network = network_for(config, in_channels=weights["conv1.weight"].shape[1], num_classes=len(weights["fc.weight"]))
    network.load_state_dict(weights)
    return network.eval()
