"""Reads the tuned values of networks out of their studies."""

import math
from collections.abc import Sequence
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from plainres.errors import BadInput, first_line, without_credentials
from plainres.settings import RunConfig
from plainres.sweeps.tuned import Tuned
from plainres.tuning.definition import complete, differences, run_settings, study_name
from plainres.tuning.search import budget_words, trial_settings
from plainres.tuning.space import borders, space_of
from plainres.tuning.storage import DEFINITION, check_storage, existing_storage, stored_attributes

if TYPE_CHECKING:
    from optuna import Study


def tuned_values(url: str, prefix: str, configs: Sequence[RunConfig]) -> list[Tuned]:
    """Read the tuned values of the networks that configurations are for: a network's first study, second, and so on.

    Args:
        url: the studies' storage.
        prefix: what the studies' names begin with.
        configs: the runs that are to be trained; their values of what was searched don't matter.

    Raises:
        BadInput: a network has no study, fewer than another, one without a whole trial, one that was tuned under other
            settings, or whose confirmation is out of date; or a seed is one on which trials were trained or confirmed.
    """
    check_storage(url)
    import optuna

    networks = {config.network: config for config in configs}
    seeds = {config.seed for config in configs}
    with existing_storage(url) as storage:
        known = stored_attributes(storage)
        names = {
            network: list(takewhile(known.__contains__, (study_name(prefix, config, number) for number in count())))
            for network, config in networks.items()
        }
        missing = [network for network, found in names.items() if not found]
        if storage is None or missing:
            raise BadInput(
                f"no study of {', '.join(missing)} named {prefix}/{configs[0].dataset}/... in "
                f"{without_credentials(url)}: run studies.lr_batch_size first"
            )
        if len({len(found) for found in names.values()}) > 1:
            counts = ", ".join(f"{network} has {len(found)}" for network, found in names.items())
            raise BadInput(f"the networks have unequal numbers of studies: {counts}")
        try:
            return [
                _tuned(optuna.load_study(study_name=name, storage=storage), number, networks[network], seeds)
                for network, found in names.items()
                for number, name in enumerate(found)
            ]
        except KeyError as error:  # Optuna's, of a study that is gone since they were listed
            raise BadInput(
                f"a study in {without_credentials(url)} was deleted meanwhile: {first_line(error)}"
            ) from error


def _tuned(study: "Study", number: int, config: RunConfig, seeds: set[int]) -> Tuned:
    from plainres.tuning.confirmation import check_confirmed, confirmed
    from plainres.tuning.slots import DONE
    from plainres.tuning.state import RUN_ID, value_of, whole_trials

    definition: dict[str, Any] = complete(study.user_attrs.get(DEFINITION, {}))
    budget = definition["budget"].split()[0]
    space = space_of(definition)
    asked = run_settings(config, [each.name for each in space]) | {"budget": budget_words(budget, config)}
    differing = differences(definition, asked)
    if differing:
        raise BadInput(f"study {study.study_name} tuned another network or training: {'; '.join(differing)}")
    trials = study.get_trials(deepcopy=False)
    whole = [trial for trial in whole_trials(trials) if RUN_ID in trial.user_attrs]  # others nobody has trained
    if not whole:
        raise BadInput(f"study {study.study_name} has no trial yet that trained to the end")
    check_confirmed(study)
    best = next(iter(confirmed(study)), None)
    used = sorted(seeds & {definition["seed"], *(best.seeds if best else ())})
    if used:
        raise BadInput(
            f"seed {used[0]} helped to choose the values of study {study.study_name}: take others, as --seeds "
            f"{used[-1] + 1}-{used[-1] + len(seeds)}"
        )
    near = whole[: math.ceil(len(whole) / 4)]
    params = best.params if best else whole[0].params
    drawn = {each.name: [trial.params[each.name] for trial in near] for each in space}
    return Tuned(
        arm=config.arm,
        depth=config.depth,
        values=trial_settings(config, params, budget),
        objective=definition["objective"],
        value=best.objective if best else value_of(whole[0]),
        trials=sum(trial.state in DONE for trial in trials),
        near=len(near),
        near_values={name: (min(values), max(values)) for name, values in drawn.items()},
        near_value=value_of(near[-1]),
        study=study.study_name,
        number=number,
        confirmed=best.values if best else (),
        borders=tuple(borders(space, params, config)),
    )
