"""Bring together the networks that an experiment looks into: a sweep, trained where it has to be, or finished runs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.sweeps.plan import Sweep, on_known_images
from plainres.tracking.store import check_store, run_exists, tracking_uri
from plainres.workflows.compare import planned, train_sweep
from plainres.workflows.requests import LookRequest, Place, check_launched

if TYPE_CHECKING:  # they take a while to import
    from mlflow.entities import Run

    from plainres.analysis import SweepResults


@dataclass(frozen=True)
class Asked:
    """Holds a sweep that may have to be trained, and where its runs are kept."""

    sweep: Sweep
    place: Place


def checked(request: LookRequest) -> Asked | None:
    """Check what is asked for, in an instant, and return it; None if finished runs are named.

    Raises:
        BadInput: there are no such runs, or the sweep can't be trained or stored.
    """
    if not request.finished:
        sweep = planned(request)
        place = check_launched(request, sweep.configs[0])
        return Asked(on_known_images(sweep), place)
    uri = tracking_uri()
    check_store(uri)
    for run_id in request.finished:
        if not run_exists(uri, run_id):
            raise BadInput(f"the tracking store has no run {run_id!r}")
    return None


def brought_together(
    request: LookRequest, asked: Asked | None, question: str, more: Sequence[str] = ()
) -> "SweepResults":
    """Return the networks to look into, after training those that the store lacks; their parent run is the question's.

    Args:
        request: what is asked for.
        asked: what `checked` gave.
        question: the experiment's name.
        more: arms that are compared beside those of the sweep, where it hasn't them.
    """
    uri = tracking_uri()
    if asked is None:
        parent_run_id = _gathered(uri, request.finished, question)
    else:
        sweep = asked.sweep
        if new := [arm for arm in more if arm not in sweep.arms]:
            sweep = on_known_images(planned(replace(request, arms=(*sweep.arms, *new))))
        from plainres.screen.console import console

        sweep = replace(sweep, notes={"question": question})
        parent_run_id = train_sweep(sweep, request, asked.place, console(), fresh=False)
    from plainres.analysis import read_sweep
    from plainres.tracking.outages import reaching_store

    with reaching_store():
        results = read_sweep(parent_run_id, uri)
    return results if asked else replace(results, missing=())  # of finished runs that were named none is


def _gathered(uri: str, run_ids: Sequence[str], question: str) -> str:
    """The id of a parent run to which these finished runs belong."""
    from plainres.analysis.stored_runs import stored_run
    from plainres.tracking.outages import reaching_store
    from plainres.tracking.parents import add_members, open_parent
    from plainres.tracking.runs import Experiment, set_status
    from plainres.tracking.source import current_source

    with reaching_store():
        named = [stored_run(uri, run_id) for run_id in run_ids]
        runs = [run for each in named for run in _members(uri, each)]
        configs = [(_config(run.info.run_id, run.data.params), run.info.run_id) for run in runs]
        experiments = {run.info.experiment_id for run in runs}
        names = [config.name for config, _ in configs]
        if len(experiments) > 1 or len(set(names)) < len(names):
            raise BadInput("the runs to look into must be of one MLflow experiment, and no two of one name")
        experiment = Experiment(uri, experiments.pop())
        asked = hashlib.sha256(" ".join([question, *sorted(run_id for _, run_id in configs)]).encode()).hexdigest()[:12]
        parent = open_parent(experiment, asked, _params(configs, question), current_source(), fresh=False)
        add_members(experiment, parent, configs)
        set_status(experiment, parent.run_id, "FINISHED")
    return parent.run_id


def _members(uri: str, run: "Run") -> "list[Run]":
    """List a sweep's runs, in the order of its arms, or the one run itself."""
    from plainres.analysis.stored_runs import stored_run
    from plainres.sweeps.arms import arms_in
    from plainres.tracking.parents import members_of
    from plainres.tracking.runs import whole_params

    place = {arm: place for place, arm in enumerate(arms_in(whole_params(run.data.params)))}
    members = [stored_run(uri, run_id) for run_id in members_of(run.data.tags).values()]
    return sorted(members, key=lambda each: place.get(each.data.tags["arm"], len(place))) or [run]


def _config(run_id: str, params: Mapping[str, str]) -> RunConfig:
    if "variant" not in params:
        raise BadInput(f"run {run_id} is not the training of a network")
    return RunConfig.from_params(params)


def _params(configs: Sequence[tuple[RunConfig, str]], question: str) -> dict[str, str]:
    """What runs have of arms, depths and seeds, as a sweep's parent run notes it."""
    return {
        "arms": " ".join(dict.fromkeys(config.arm for config, _ in configs)),
        "depths": " ".join(map(str, sorted({config.depth for config, _ in configs}))),
        "seeds": " ".join(map(str, sorted({config.seed for config, _ in configs}))),
        "question": question,
    }
