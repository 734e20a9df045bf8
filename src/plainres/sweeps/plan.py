"""Plan the runs that one command asks for."""

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

from plainres.errors import BadInput
from plainres.settings import ABOUT, DECLARED, VARIANTS, RunConfig, Settings, as_text, names_of
from plainres.settings.declaration import Role
from plainres.settings.values import typed
from plainres.sweeps.arms import parse_arm
from plainres.sweeps.configure import changed, filled, identified, resolved

RunKey = tuple[str, int, int]
"""An arm's name, a depth and a seed."""


@dataclass(frozen=True)
class Sweep:
    """Holds every arm at every depth with every seed, alike in all that isn't an arm's own; `plan_sweep` makes one."""

    arms: tuple[str, ...]
    depths: tuple[int, ...]
    seeds: tuple[int, ...]
    configs: tuple[RunConfig, ...]
    settings: Settings
    """What all runs share, as it was asked for."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Where its settings come from, kept as further parameters of the parent run."""

    @property
    def sweep_hash(self) -> str:
        """Gives twelve hex digits that two sweeps share only if they ask for the same runs, for the same reasons."""
        hashes = sorted(config.config_hash for config in self.configs)
        hashes += [f"{name}={text}" for name, text in sorted(self.notes.items())]
        # Sweeps that compare the same runs under other names aren't the same.
        hashes += sorted(arm for arm in self.arms if ":" in arm)
        return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:12]

    @property
    def settings_hash(self) -> str:
        """Gives twelve hex digits that sweeps share whose runs may be compared: what they share is the same."""
        counted = {
            name: value
            for name, value in self.settings.values.items()
            if ABOUT[name].role in (Role.IDENTITY, Role.MACHINE)
        }
        text = json.dumps([counted, dict(self.notes)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        """What is asked for, in a line."""
        runs = f"{len(self.configs)} run{'s' if len(self.configs) > 1 else ''}"
        return f"{runs}: {asked_words(self.arms, self.depths, self.seeds)}, {self.configs[0].dataset}"

    @property
    def params(self) -> dict[str, str]:
        """What was asked for, as the parameters of the sweep's parent run."""
        return {
            "arms": " ".join(self.arms),
            "depths": " ".join(map(str, self.depths)),
            "seeds": " ".join(map(str, self.seeds)),
            **{name: self._setting(name) for name in names_of(Settings)},
            **self.notes,
        }

    def _setting(self, name: str) -> str:
        """A setting's value, or where networks differ in it the values of each arm, or of each network."""
        found: dict[tuple[str, int], dict[str, None]] = {}
        for config in reversed(self.configs):
            found.setdefault((config.arm, config.depth), {})[as_text(getattr(config, name))] = None
        of_network = {network: " or ".join(reversed(values)) for network, values in found.items()}
        of_arm = {arm: {of_network[arm, depth] for depth in self.depths} for arm in self.arms}
        if len(set(of_network.values())) == 1:
            return next(iter(of_network.values()))
        if all(len(values) == 1 for values in of_arm.values()):
            return ", ".join(f"{next(iter(values))} ({arm})" for arm, values in of_arm.items())
        return ", ".join(f"{value} ({arm}-{depth})" for (arm, depth), value in of_network.items())


def plan_sweep(
    arms: Sequence[str], depths: Sequence[int], seeds: Sequence[int], *, elsewhere: bool = False, **settings: Any
) -> Sweep:
    """Plan the sweep over arms x depths x seeds; `settings` are those of `plainres.sweeps.configure.configure`.

    Args:
        arms, depths, seeds: what is combined; arms as `plainres.sweeps.arms.parse_arm` reads them.
        elsewhere: whether other machines train the runs.
        settings: what all runs share.

    Raises:
        BadInput: an empty list or a repeated value in one, two arms that come to the same, depths of two families, or
            what `configure` refuses.
    """
    parsed = [parse_arm(text) for text in arms]
    names = tuple(arm.name for arm in parsed)
    for what, values in (("arm", names), ("depth", depths), ("seed", seeds)):
        check_distinct(what, values)
    shared = filled(settings)

    @cache
    def of_network(name: str, depth: int) -> RunConfig:
        arm = parsed[names.index(name)]
        own = replace(shared, **arm.settings)
        return resolved(arm.variant, depth, seeds[0], own, arm=name, elsewhere=elsewhere)

    # The deepest first: the longest runs would otherwise end the sweep with idle workers.
    configs = tuple(
        changed(of_network(name, depth), seed=typed(DECLARED["seed"], seed))
        for depth, seed, name in product(sorted(depths, reverse=True), seeds, names)
    )
    _check_differ(configs)
    family_of = {config.depth: config.family for config in configs}
    if len(set(family_of.values())) > 1:
        listed = ", ".join(f"{depth} is {family}" for depth, family in sorted(family_of.items()))
        raise BadInput(f"depths of two families can't be compared: {listed}")
    return Sweep(names, tuple(sorted(depths)), tuple(seeds), configs, shared)


def asked_words(arms: Sequence[str], depths: Sequence[int], seeds: Sequence[int]) -> str:
    """Say what is combined, as `plain, residual at 18 34, seeds 0 to 5`."""
    in_a_row = len(seeds) > 2 and sorted(seeds) == list(range(min(seeds), max(seeds) + 1))
    listed = f"{min(seeds)} to {max(seeds)}" if in_a_row else " ".join(map(str, seeds))
    return f"{', '.join(arms)} at {' '.join(map(str, depths))}, seed{'s' if len(seeds) > 1 else ''} {listed}"


def verdict_lacks(arms: Sequence[str], depths: Sequence[int], seeds: Sequence[int], fewest: int = 2) -> list[str]:
    """Name what a verdict needs and runs of these arms, depths and seeds lack, of which `fewest` are enough."""
    needs = {
        "both variants (plain and residual)": {arm.partition(":")[0] for arm in arms} >= set(VARIANTS),
        "at least two depths": len(depths) >= 2,
        f"at least {fewest} seeds": len(seeds) >= fewest,
    }
    return [words for words, met in needs.items() if not met]


def on_known_images(sweep: Sweep) -> Sweep:
    """Note in a sweep what stands for the content of its images; raises BadInput if their files can't be read."""
    content = identified(sweep.configs[0]).data_content
    configs = tuple(changed(config, data_content=content) for config in sweep.configs)
    return replace(sweep, configs=configs, settings=replace(sweep.settings, data_content=content))


def with_own(sweep: Sweep, own: Mapping[RunKey, Mapping[str, Any]], notes: Mapping[str, str]) -> Sweep:
    """Give runs of a sweep values of their own, by arm, depth and seed; `notes` say where they come from.

    Raises:
        BadInput: two arms then come to the same, or a run can't be trained.
    """
    configs = tuple(
        changed(config, **{name: typed(DECLARED[name], value) for name, value in values.items()})
        for config in sweep.configs
        for values in [own.get((config.arm, config.depth, config.seed), {})]
    )
    _check_differ(configs)
    return replace(sweep, configs=configs, notes=notes)


def check_distinct(what: str, values: Sequence[Hashable]) -> None:
    """Raise BadInput for an empty list or a value that stands in it twice."""
    if not values:
        raise BadInput(f"no {what} is given")
    repeated = [value for value in values if values.count(value) > 1]
    if repeated:
        raise BadInput(f"{what} {repeated[0]} is given twice")


def _check_differ(configs: Sequence[RunConfig]) -> None:
    """Raise BadInput for two arms of the same configuration."""
    arm_of: dict[str, str] = {}
    for config in configs:
        other = arm_of.setdefault(config.config_hash, config.arm)
        if other != config.arm:
            raise BadInput(f"arms {other} and {config.arm} are the same configuration at depth {config.depth}")
