"""What runs have left in a store, and the processes that train them."""

import os
from contextlib import suppress
from pathlib import Path

import torch
from mlflow import MlflowClient

# Measured times, which no two trainings share.
TIMES = ("images_per_second", "final/seconds")

History = dict[str, list[tuple[int, float]]]


def histories(uri: str, name: str = "degradation") -> dict[str, tuple[str, History]]:
    """Run id and every step of every metric of the runs with a configuration, by run name; a name twice is an error."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(name)
    found = client.search_runs([experiment.experiment_id], "tags.config_hash LIKE '%'") if experiment else []
    named = {
        run.info.run_name: (
            run.info.run_id,
            {
                metric: sorted(
                    (entry.step, entry.value) for entry in client.get_metric_history(run.info.run_id, metric)
                )
                for metric in run.data.metrics
            },
        )
        for run in found
    }
    assert len(named) == len(found), "a run was begun twice"
    return named


def without_times(history: History) -> History:
    return {metric: entries for metric, entries in history.items() if metric not in TIMES}


def weights(folder: Path, run_id: str) -> dict[str, torch.Tensor]:
    """The trained network that a run has stored below a folder."""
    (path,) = folder.glob(f"mlruns/*/{run_id}/artifacts/model.pt")
    return torch.load(path, weights_only=True)  # type: ignore[no-any-return]


def workers_of(folder: Path) -> list[int]:
    """The processes that have a run's journal open."""
    return processes_at(folder, "journal")


def processes_at(folder: Path, name: str) -> list[int]:
    """The processes that have a file of this name below the folder open."""
    pids = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith(str(folder)) and target.endswith(f"/{name}"):
            pids.add(int(descriptor.parts[2]))
    return sorted(pids)


def loading_processes() -> set[int]:
    """The processes that load images for a DataLoader, those of tests beside this one aside."""
    beside = os.environ.get("PYTEST_XDIST_WORKER")
    mark = f"PYTEST_XDIST_WORKER={beside}\0".encode() if beside else b""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has ended meanwhile
            if (process / "comm").read_text() == "pt_data_worker\n" and mark in (process / "environ").read_bytes():
                found.add(int(process.name))
    return found
