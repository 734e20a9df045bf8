"""The environment that commands under test have."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """A user's, without a store, and without a GPU, on which two runs aren't the same to the bit."""
    without_uri = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return {
        **without_uri,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
        "COLUMNS": "100",
        "CUDA_VISIBLE_DEVICES": "",
    }
