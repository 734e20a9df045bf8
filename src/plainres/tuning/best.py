"""The tuned values of networks, out of their studies."""

import math
from collections.abc import Sequence
from typing import Any

from plainres.errors import BadInput
from plainres.settings import RunConfig
from plainres.sweeps.tuned import Tuned
from plainres.tracking.shown import without_credentials
from plainres.tuning.definition import differences, run_settings, study_name
from plainres.tuning.storage import DEFINITION, check_storage, existing_storage


def tuned_values(url: str, prefix: str, configs: Sequence[RunConfig]) -> dict[tuple[str, int], Tuned]:
    """The tuned values of the networks that configurations are for, by arm and depth.

    Args:
        url: the studies' storage.
        prefix: what the studies' names begin with.
        configs: the runs that are to be trained; learning rates and batch sizes in them don't matter.

    Raises:
        BadInput: a network has no study, or none with a whole trial, or one that was tuned under other settings.
    """
    import optuna

    check_storage(url)
    storage = existing_storage(url)
    names = {(config.arm, config.depth): study_name(prefix, config) for config in configs}
    known = {} if storage is None else {study.study_name: study.user_attrs for study in storage.get_all_studies()}
    missing = [f"{arm}-{depth}" for (arm, depth), name in names.items() if name not in known]
    if storage is None or missing:
        raise BadInput(
            f"no study of {', '.join(missing)} named {prefix}/{configs[0].dataset}/... in {without_credentials(url)}: "
            "run studies.lr_batch_size first"
        )
    tuned = {}
    for config in configs:
        network = config.arm, config.depth
        if network not in tuned:
            _check_settings(names[network], known[names[network]].get(DEFINITION, {}), config)
            study = optuna.load_study(study_name=names[network], storage=storage)
            tuned[network] = _tuned(study, config)
    return tuned


def _check_settings(name: str, definition: dict[str, Any], config: RunConfig) -> None:
    differing = differences(definition, run_settings(config))
    if differing:
        raise BadInput(f"study {name} tuned another network or training: {'; '.join(differing)}")


def _tuned(study: Any, config: RunConfig) -> Tuned:
    from plainres.tuning.slots import DONE
    from plainres.tuning.state import value_of, whole_trials

    trials = study.get_trials(deepcopy=False)
    whole = whole_trials(trials)
    if not whole:
        raise BadInput(f"study {study.study_name} has no trial yet that trained to the end")
    near = whole[: math.ceil(len(whole) / 4)]
    best, rates, sizes = whole[0], [t.params["lr"] for t in near], [t.params["batch_size"] for t in near]
    return Tuned(
        arm=config.arm,
        depth=config.depth,
        lr=best.params["lr"],
        batch_size=best.params["batch_size"],
        objective=study.user_attrs[DEFINITION]["objective"],
        value=value_of(best),
        trials=sum(trial.state in DONE for trial in trials),
        near=len(near),
        near_lr=(min(rates), max(rates)),
        near_batch_sizes=(min(sizes), max(sizes)),
        near_value=value_of(near[-1]),
        study=study.study_name,
    )
