"""Opens experiments in MLflow, finds the runs in them and writes what belongs to one."""

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from plainres.errors import BadInput, StoreRefuses
from plainres.names import (
    ATTEMPT_TAG,
    CONFIG_HASH_TAG,
    DIFF_FILE,
    GENERATION_TAG,
    KIND_TAG,
    NETWORK_TAG,
    SAME_AS_TAG,
)
from plainres.settings import RunConfig
from plainres.tracking.artifacts import check_artifacts, log_text, new_artifact_root
from plainres.tracking.database import is_sqlite, opening_store
from plainres.tracking.dataset_input import log_dataset
from plainres.tracking.new_database import make_database
from plainres.tracking.outages import making_once, reaching_store
from plainres.tracking.source import Source
from plainres.tracking.store import LONGEST_NAME

if TYPE_CHECKING:  # it would import torch, which reading a store does without
    from plainres.data import ImageDataset

MODEL_TRAINING = "custom_model_development"  # MLflow's word for the kind of experiment that its UI shows as such
REQUESTS_AT_ONCE = 8
LARGEST_BATCH = {"metrics": 1000, "params": 100, "tags": 100}  # that MLflow takes in one log_batch
LONGEST_PARAM = 6000  # characters, that MLflow keeps of one


@dataclass(frozen=True)
class Experiment:
    """Says where a sweep's runs are written; small enough to be handed to a worker."""

    tracking_uri: str
    experiment_id: str

    @property
    def client(self) -> MlflowClient:
        """Make a client of this store."""
        return MlflowClient(tracking_uri=self.tracking_uri)


def open_experiment(tracking_uri: str, name: str) -> Experiment:
    """Open the experiment of this name, made where it's missing, the database too (several seconds).

    Raises:
        BadInput: MLflow refuses the store or the name, one of this name was deleted, or files can't be stored.
        StoreAway: the store doesn't answer.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with opening_store(tracking_uri), reaching_store():
            if is_sqlite(tracking_uri):
                make_database(tracking_uri)
            client = MlflowClient(tracking_uri=tracking_uri)
            root, tags = new_artifact_root(tracking_uri, name), {KIND_TAG: MODEL_TRAINING}
            found = making_once(
                lambda: (
                    client.get_experiment_by_name(name)
                    or client.get_experiment(client.create_experiment(name, root, tags))
                )
            )
            if KIND_TAG not in found.tags and found.lifecycle_stage == "active":
                making_once(lambda: client.set_experiment_tag(found.experiment_id, KIND_TAG, MODEL_TRAINING))
    except StoreRefuses as refusal:
        raise BadInput(f"MLflow refuses: {refusal}") from refusal
    if found.lifecycle_stage == "deleted":
        raise BadInput(f"experiment {name!r} was deleted in MLflow: restore it or take another --experiment-name")
    check_artifacts(tracking_uri, found.artifact_location)
    return Experiment(tracking_uri, found.experiment_id)


def finished_run(experiment: Experiment, config: RunConfig, generation: str = "") -> str | None:
    """Find the id of a finished run of exactly this configuration, with its model; None if there is none.

    One that a sweep trained has the tag of its attempt, and ended when its model was stored. Of several, which are
    alike, one counts that hasn't found another, the first to end by its machine's clock.

    Args:
        experiment: where it is looked for; deleted runs don't count.
        config: what was trained.
        generation: a fresh sweep's, for which only runs trained for it count; empty for others.
    """
    of_generation = f" AND tags.{GENERATION_TAG} = '{generation}'" if generation else ""
    found = experiment.client.search_runs(
        [experiment.experiment_id],
        f"attributes.status = 'FINISHED' AND tags.{CONFIG_HASH_TAG} = '{config.config_hash}' "
        f"AND tags.{ATTEMPT_TAG} LIKE '%'{of_generation}",
        ViewType.ACTIVE_ONLY,
        order_by=["attributes.end_time"],
    )
    first = sorted(found, key=lambda run: SAME_AS_TAG in run.data.tags)[:1]
    return first[0].info.run_id if first else None


def finished_runs(experiment: Experiment, configs: Sequence[RunConfig], generation: str = "") -> dict[RunConfig, str]:
    """Find those of many configurations that have a finished run, with its id, as `finished_run` gives it."""
    if not experiment.tracking_uri.startswith("http"):
        from plainres.tracking.tables import finished_by_hash  # MLflow's tables, which clients of a server do without

        store = experiment.client._tracking_client.store
        hash_of = {config: config.config_hash for config in configs}
        found = finished_by_hash(store, experiment.experiment_id, list(hash_of.values()), generation)
        return {config: found[text] for config, text in hash_of.items() if text in found}
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        run_ids = threads.map(lambda config: finished_run(experiment, config, generation), configs)
        return {config: run_id for config, run_id in zip(configs, run_ids, strict=True) if run_id}


def began_on_other_images(experiment: Experiment, config: RunConfig) -> bool:
    """Tell whether there are runs of this configuration, finished or not, on images that have changed since."""
    if not config.data_content:
        return False
    runs = experiment.client.search_runs(
        [experiment.experiment_id],
        f"tags.dataset = '{config.dataset}' AND tags.variant = '{config.variant}' AND tags.depth = '{config.depth}' "
        f"AND tags.seed = '{config.seed}' AND tags.{CONFIG_HASH_TAG} != '{config.config_hash}'",
    )
    before = [RunConfig.from_params(run.data.params) for run in runs if "data_content" in run.data.params]
    return any(replace(other, data_content=config.data_content).config_hash == config.config_hash for other in before)


def create_run(
    experiment: Experiment,
    config: RunConfig,
    dataset: "ImageDataset",
    parent_run_id: str | None,
    source: Source,
    tags: Mapping[str, str],
) -> str:
    """Make an MLflow run for the training of one configuration, with its parameters; returns its id."""
    client = experiment.client
    all_tags = {
        MLFLOW_RUN_NAME: config.name[:LONGEST_NAME],
        "arm": config.arm,
        "variant": config.variant,
        "depth": str(config.depth),
        "seed": str(config.seed),
        NETWORK_TAG: config.network,
        "dataset": config.dataset,
        CONFIG_HASH_TAG: config.config_hash,
        "validation_hash": dataset.validation_hash,
        **{f"{split}_images": str(size) for split, size in dataset.sizes.items()},
        **({MLFLOW_PARENT_RUN_ID: parent_run_id} if parent_run_id else {}),
        **source.tags,
        **tags,
    }
    run_id: str = client.create_run(experiment.experiment_id, tags=all_tags).info.run_id
    describe_run(experiment, run_id, config, dataset, source)
    return run_id


def run_or_none(experiment: Experiment, run_id: str) -> Run | None:
    """Read a run, deleted or not; None where the store has none of this id, as after `mlflow gc`."""
    try:
        return experiment.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise


def describe_run(
    experiment: Experiment, run_id: str, config: RunConfig, dataset: "ImageDataset", source: Source
) -> None:
    """Log a run's parameters, its data set and the code's uncommitted changes; again has no effect."""
    log_params(experiment.client, run_id, config.params)
    log_dataset(experiment.tracking_uri, run_id, config, dataset)
    if source.diff:
        log_text(experiment.tracking_uri, run_id, source.diff, DIFF_FILE)


def log_metrics(
    client: MlflowClient, run_id: str, metrics: Mapping[str, float], step: int, time_ms: int | None = None
) -> None:
    """Log the metrics of one step together; again with the same time has no effect."""
    when = round(time.time() * 1000) if time_ms is None else time_ms
    log_batches(client, run_id, metrics=[Metric(name, value, when, step) for name, value in metrics.items()])


def set_status(experiment: Experiment, run_id: str, status: str) -> None:
    """Set a run's status; every one but RUNNING ends it."""
    if status == "RUNNING":
        experiment.client.update_run(run_id, status)
    else:
        experiment.client.set_terminated(run_id, status)


def open_runs(experiment: Experiment) -> dict[str, str]:
    """Find the runs of sweeps that are RUNNING: their ids, by the attempts of their journals."""
    found = experiment.client.search_runs(
        [experiment.experiment_id], f"attributes.status = 'RUNNING' AND tags.{ATTEMPT_TAG} LIKE '%'"
    )
    return {run.data.tags[ATTEMPT_TAG]: run.info.run_id for run in found}


def end_if_open(experiment: Experiment, run_id: str, status: str) -> None:
    """End a run, unless it has ended meanwhile."""
    if experiment.client.get_run(run_id).info.status == "RUNNING":
        experiment.client.set_terminated(run_id, status)


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, str]) -> None:
    """Log a run's parameters, however long, in parts where MLflow would cut them; again has no effect."""
    parts = [
        Param(name if number == 1 else f"{name}/{number}", text[start : start + LONGEST_PARAM])  # `seeds`, `seeds/2`
        for name, text in params.items()
        for number, start in enumerate(range(0, max(1, len(text)), LONGEST_PARAM), start=1)
    ]
    log_batches(client, run_id, params=parts)


def log_batches(client: MlflowClient, run_id: str, **entries: Sequence[Metric | Param | RunTag]) -> None:
    """Log a run's `metrics`, `params` or `tags`, as many at a time as MLflow takes."""
    for kind, of_kind in entries.items():
        for start in range(0, len(of_kind), LARGEST_BATCH[kind]):
            batch: dict[str, Any] = {kind: of_kind[start : start + LARGEST_BATCH[kind]]}
            making_once(partial(client.log_batch, run_id, **batch))


def whole_params(params: Mapping[str, str]) -> dict[str, str]:
    """Put those of a run's parameters together that were stored in parts."""
    whole: dict[str, str] = {}
    for name, text in sorted(params.items(), key=lambda item: (item[0].partition("/")[0], len(item[0]), item[0])):
        first, _, part = name.partition("/")
        whole[first] = whole[first] + text if part else text
    return whole
