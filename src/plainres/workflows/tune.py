"""Carry out studies: check what is asked for, and tune until every network's study has its trials."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from plainres.errors import StudiesFail, without_credentials
from plainres.launchers.choice import begin_imports_of, make_launcher
from plainres.settings.values import part_of
from plainres.sweeps.configure import changed, identified
from plainres.system.garbage import uncollected
from plainres.tuning.definition import StudyPlan, plan_studies
from plainres.tuning.search import Search
from plainres.tuning.storage import check_storage, check_studies
from plainres.workflows.requests import Place, StudyRequest, check_images, check_launched

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from plainres.tuning.state import StudyState


@dataclass(frozen=True)
class StudyResults:
    """Holds what studies have come to.

    Attributes:
        states: how far each network's study is, and its best trial.
        storage: where the studies are.
        study_name: what their names begin with.
        tracking_uri, experiment_id: where their runs are.
    """

    states: "tuple[StudyState, ...]"
    storage: str
    study_name: str
    tracking_uri: str
    experiment_id: str

    @property
    def failures(self) -> list[str]:
        """Has a line for each trial that failed, and for each run on a fresh seed."""
        return [
            f"{state.plan.label}: {reason}" for state in self.states for reason in (*state.failures, *state.unconfirmed)
        ]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """Has a row a study: network, study, trials, pruned, diverged and failed ones, and the winner's values."""
        import pandas as pd

        from plainres.tuning.study_table import in_order

        return pd.DataFrame(
            {
                "arm": state.plan.config.arm,
                "depth": state.plan.config.depth,
                "study": state.plan.number,
                "trials": len(state.done),
                "pruned": state.pruned,
                "diverged": state.diverged,
                "failed": len(state.failures),
                **(state.winner.params if state.winner else {}),
                state.plan.search.objective: state.winner.value if state.winner else None,
                **({"confirmed": state.confirmed[0].mean} if state.confirmed else {}),
            }
            for state in in_order(self.states)
        )

    def __repr__(self) -> str:
        return self.table.to_string(index=False)

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, na_rep="", border=0)


def carry_out_studies(request: StudyRequest, console: "Console") -> StudyResults:
    """Bring every network's study to the trials asked for, going on where they stopped.

    Raises:
        BadInput: what is asked for can't be tuned or stored; nothing has been written then.
        StoreAway: the store went away and isn't back; the studies have what was found.
        StudiesFail: the studies' storage was lost, or workers die whatever they are given.
    """
    plans = plan_studies(
        request.arms,
        request.depths,
        request.seed,
        prefix=request.study_name,
        search=part_of(request, Search),
        settings=request.run.values,
        studies=request.studies,
        elsewhere=request.launch.elsewhere,
    )
    place = check_launched(request, plans[0].config)
    check_storage(request.storage)
    content = identified(plans[0].config).data_content
    known = tuple(replace(plan, config=changed(plan.config, data_content=content)) for plan in plans)
    return _tune(known, request, place, console)


def _tune(plans: tuple[StudyPlan, ...], request: StudyRequest, place: Place, console: "Console") -> StudyResults:
    first = plans[0].config
    sizes = request.batch_sizes if "batch_size" in request.searched else [first.batch_size]
    check_images(*(plans[0].trial_config({"batch_size": size}) for size in sizes))
    if plans[0].first_trial is None:
        from plainres.tuning.study_table import values_text

        values = values_text({each.name: getattr(first, each.name) for each in plans[0].search.space})
        console.print(f"The recipe ({values}) is outside the space: no trial has its values.", soft_wrap=True)
    check_studies(plans, request.storage)
    begin_imports_of(request.launch)
    with uncollected():
        from optuna.exceptions import StorageInternalError

        from plainres.running.folders import Job
        from plainres.tracking.runs import open_experiment
        from plainres.tracking.source import current_source
        from plainres.tuning.run_studies import run_studies

        launcher = make_launcher(request.launch, request.jobs, first, place.checkpoints, console)
    experiment = open_experiment(place.uri, request.experiment_name)
    job = Job(
        experiment, None, "", current_source(), place.checkpoints, request.checkpoint_every, any_code=request.any_code
    )
    try:
        states = run_studies(
            plans, request.trials, request.storage, job, launcher, console, to_confirm=request.confirm or 0
        )
    except StorageInternalError as error:
        storage = without_credentials(request.storage)
        raise StudiesFail(f"storage {storage} was lost; the same command goes on when it is back") from error
    return StudyResults(tuple(states), request.storage, request.study_name, place.uri, experiment.experiment_id)
