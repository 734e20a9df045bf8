"""A store of very many runs, and how long it takes to read: `python -m tests.benchmarks.many_runs --help`.

Four runs are trained, and copied under other seeds by the database itself, with what else tells runs apart: their ids,
names, hashes and, by up to 9 %, the values of their metrics.
"""

import argparse
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlflow import MlflowClient
from sqlalchemy import Connection, create_engine, text

from plainres.sweeps.plan import Sweep, plan_sweep
from plainres.tracking.parents import add_members, open_parent
from plainres.tracking.runs import Experiment, open_experiment, set_status
from plainres.tracking.source import current_source
from tests.environment import environment

DEPTHS, SETTINGS = (18, 34), {"width": 8, "epochs": 5, "train_images": 300, "test_images": 100}
ARMS = ("plain", "residual")
NAME = "degradation"
# Columns that are copied as they are, by table; `run_uuid` is the copy's.
COPIED = {
    "params": ("key", "value"),
    "tags": ("key", "value"),
    "metrics": ("key", "timestamp", "step", "is_nan", "value"),
    "latest_metrics": ("key", "timestamp", "step", "is_nan", "value"),
}
OWN = {"seed": "seed", "config_hash": "config_hash", "mlflow.runName": "name", "attempt": "new"}  # of copies
RUN = ("source_type", "user_id", "status", "lifecycle_stage", "experiment_id", "artifact_uri")


def arguments(runs: int) -> list[str]:
    """The command's, for a sweep of so many runs."""
    seeds = f"0-{runs // (len(DEPTHS) * len(ARMS)) - 1}"
    settings = [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["--depths", *map(str, DEPTHS), "--seeds", seeds, *settings]


def plan(runs: int) -> Sweep:
    """The sweep that the command asks for."""
    return plan_sweep(ARMS, DEPTHS, range(runs // (len(DEPTHS) * len(ARMS))), **SETTINGS)


def fill(uri: str, database: str, runs: int) -> str:
    """Copy the runs of seed 0, which are trained, until the sweep of so many runs is whole; its parent run's id.

    Args:
        uri: of the store.
        database: behind it.
        runs: of the sweep.
    """
    sweep, experiment = plan(runs), open_experiment(uri, NAME)
    engine = create_engine(database)
    with engine.begin() as connection:
        _note_copies(connection, sweep, experiment)
        connection.execute(
            text(
                f"INSERT INTO runs (run_uuid, name, start_time, end_time, {', '.join(RUN)}) SELECT new, copies.name, "
                f"start_time + number, end_time + number, {', '.join(RUN)} FROM copies JOIN runs ON run_uuid = old"
            )
        )
        for table, columns in COPIED.items():
            read = [f"{table}.{column}" for column in columns]
            if table in ("params", "tags"):
                own = " ".join(f"WHEN '{key}' THEN copies.{column}" for key, column in OWN.items())
                read[1] = f"CASE key {own} ELSE value END"
            else:
                read[4] = "value * (1 + number % 10 / 100.0)"
            connection.execute(
                text(
                    f"INSERT INTO {table} (run_uuid, {', '.join(columns)}) SELECT new, {', '.join(read)} "
                    f"FROM copies JOIN {table} ON run_uuid = old"
                )
            )
        found = dict(connection.execute(text("SELECT config_hash, new FROM copies")).all())
        connection.execute(text("DROP TABLE copies"))
    if database.startswith("postgresql"):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    parent = open_parent(
        experiment, sweep.sweep_hash, sweep.params, current_source(), fresh=False, settings_hash=sweep.settings_hash
    )
    trained = _trained(experiment)
    members = [(config, (trained | found)[config.config_hash]) for config in sweep.configs]
    add_members(experiment, parent, members)
    set_status(experiment, parent.run_id, "FINISHED")
    return parent.run_id


def _note_copies(connection: Connection, sweep: Sweep, experiment: Experiment) -> None:
    """A table of the runs that are to be made, each with the trained one that it is a copy of."""
    connection.execute(
        text(
            "CREATE TABLE copies (old VARCHAR(32), new VARCHAR(32), number INTEGER, seed VARCHAR(9), "
            "config_hash VARCHAR(12), name VARCHAR(250))"
        )
    )
    of_network = {
        config.network: _trained(experiment)[config.config_hash] for config in sweep.configs if config.seed == 0
    }
    rows = [
        {
            "old": of_network[config.network], "new": uuid.uuid4().hex, "number": config.seed,
            "seed": str(config.seed), "config_hash": config.config_hash, "name": config.name,
        }
        for config in sweep.configs
        if config.seed > 0
    ]  # fmt: skip
    connection.execute(text("INSERT INTO copies VALUES (:old, :new, :number, :seed, :config_hash, :name)"), rows)


def _trained(experiment: Experiment) -> dict[str, str]:
    """The runs that were trained here, by the hashes of their configurations."""
    found = experiment.client.search_runs([experiment.experiment_id], "tags.attempt LIKE '%' AND tags.seed = '0'")
    return {run.data.tags["config_hash"]: run.info.run_id for run in found}


def first_page(uri: str, parent_run_id: str) -> None:
    """What MLflow's UI asks for when an experiment is opened: its newest hundred runs."""
    client = MlflowClient(uri)
    experiment_id = client.get_run(parent_run_id).info.experiment_id
    client.get_experiment(experiment_id)
    client.search_runs([experiment_id], "", max_results=100, order_by=["attributes.start_time DESC"])


def command(folder: Path, uri: str, words: Sequence[str]) -> None:
    """`experiments.degradation` to its end."""
    subprocess.run(
        [sys.executable, "-m", "experiments.degradation", *words],
        cwd=folder, env=environment() | {"MLFLOW_TRACKING_URI": uri}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def timed(folder: Path, uri: str, runs: int, parent_run_id: str) -> Iterator[tuple[str, float, float]]:
    """Seconds that each way to read the store takes, imports included, and of those the command's on the CPU."""
    ways = {
        "report": lambda: command(folder, uri, ["--report", parent_run_id]),
        "second call": lambda: command(folder, uri, arguments(runs)),
        "first page": lambda: first_page(uri, parent_run_id),
    }
    for name, way in ways.items():
        started, before = time.monotonic(), os.times()
        way()
        after = os.times()
        busy = sum(after[:4]) - sum(before[:4])
        yield name, time.monotonic() - started, busy


def main() -> None:
    """Fill a store, unless it is full, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the store, or where the commands run")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--uri", help="of the store, default mlflow.db in the folder")
    parser.add_argument("--database", help="behind a server")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    uri = flags.uri or f"sqlite:///{flags.folder.absolute() / 'mlflow.db'}"
    noted = flags.folder / "parent"
    if not noted.exists():
        started = time.monotonic()
        command(flags.folder, uri, arguments(len(DEPTHS) * len(ARMS)))
        os.chdir(flags.folder)
        noted.write_text(fill(uri, flags.database or uri, flags.runs))
        print(f"{flags.runs} runs made in {time.monotonic() - started:.0f} s")
    for name, seconds, busy in timed(flags.folder, uri, flags.runs, noted.read_text()):
        print(f"{name}: {seconds:.1f} s, {busy:.1f} s of them on the CPU", flush=True)


if __name__ == "__main__":
    main()
