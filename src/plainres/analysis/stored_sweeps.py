"""Lists the sweeps that a store holds, by what their parent runs tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils import get_results_from_paginated_fn

from plainres.names import ASKED_TAG, REPORT_TAG
from plainres.settings import Settings
from plainres.sweeps.arms import arms_in
from plainres.tracking.database import is_unmade
from plainres.tracking.parents import PARENTS_A_PAGE, parents_in
from plainres.tracking.runs import whole_params
from plainres.tracking.shared_view import view_name


@dataclass(frozen=True)
class StoredSweep:
    """Holds what a store tells of a sweep without its runs.

    Attributes:
        question: the experiment that it belongs to, or the one that looked into its networks.
        params: of its parent run.
        outcome: of its verdict; its parent run's status where there is none, as `running`.
        asked: when it was asked for last, in this machine's time.
        view: the name of its shared view in MLflow's UI, empty for one of before there were any.
    """

    run_id: str
    experiment_id: str
    question: str
    arms: tuple[str, ...]
    depths: tuple[int, ...]
    seeds: tuple[int, ...]
    dataset: str
    params: Mapping[str, str]
    outcome: str
    asked: datetime
    view: str


def stored_sweeps(uri: str) -> list[StoredSweep]:
    """List the sweeps of all experiments of a store that `check_store` found well, the one asked for last first."""
    if not uri.startswith("http") and is_unmade(uri):
        return []  # MLflow's client would make its tables
    client = MlflowClient(uri)
    experiments = get_results_from_paginated_fn(  # type: ignore[no-untyped-call]
        lambda number, token: client.search_experiments(max_results=number, page_token=token), PARENTS_A_PAGE
    )
    names = {each.experiment_id: each.name for each in experiments}
    sweeps = [_sweep(run, names[run.info.experiment_id]) for run in parents_in(client, list(names))]
    return sorted(sweeps, key=lambda sweep: sweep.asked, reverse=True)


def _sweep(run: Run, experiment: str) -> StoredSweep:
    params, tags = whole_params(run.data.params), run.data.tags
    depths, seeds = (tuple(map(int, params.get(name, "").split())) for name in ("depths", "seeds"))
    return StoredSweep(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        question=params.get("question", experiment),
        arms=arms_in(params),
        depths=depths,
        seeds=seeds,
        dataset=params.get("dataset", Settings.dataset),
        params=params,
        outcome=tags.get(REPORT_TAG) or run.info.status.lower(),
        asked=datetime.fromtimestamp(int(tags.get(ASKED_TAG, run.info.start_time)) / 1000),
        view=view_name(tags, params),
    )
