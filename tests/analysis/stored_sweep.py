"""A sweep that is logged to a store and was never trained."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

ARMS = ("residual", "plain:lr=0.02")
LAYERS = {"conv1": 8.0, "layer1.0.conv1": 4.0, "layer1.0.downsample.0": 99.0, "layer1.0.conv2": 2.0, "fc": 1.0}
FINAL = {
    "final/train_error": 0.25, "final/test_error": 0.5, "final/train_loss": 0.75, "final/test_loss": 1.5,
    "final/seconds": 12.0,
}  # fmt: skip


class Sweep:
    """A sweep's parent run and the children that are logged to it."""

    def __init__(self, store: str, arms: tuple[str, ...] = ARMS, depths: str = "8 14", seeds: str = "0 1") -> None:
        self.store, self.client = store, MlflowClient(store)
        self.experiment = self.client.create_experiment("sweep")
        self.parent = self.client.create_run(self.experiment).info.run_id
        params = [Param("arms", " ".join(arms)), Param("depths", depths), Param("seeds", seeds)]
        self.client.log_batch(self.parent, params=params)

    def add(self, name: str, metrics: Mapping[str, float], histories: Mapping[str, Mapping[int, float]]) -> str:
        """A finished run under a name of the parent's."""
        run_id: str = self.client.create_run(self.experiment, tags={"arm": "plain", "variant": "plain"}).info.run_id
        entries = [Metric(metric, value, 1000, 0) for metric, value in metrics.items()]
        entries += [
            Metric(metric, value, 1000 + step, step) for metric, of in histories.items() for step, value in of.items()
        ]
        self.client.log_batch(run_id, metrics=entries)
        self.client.log_batch(self.parent, tags=[RunTag(f"run.{run_id[:12]}", f"{run_id} {name}")])
        return run_id
