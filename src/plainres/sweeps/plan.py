"""The runs that one command asks for."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from plainres.config import RunConfig, configure
from plainres.errors import BadInput

# What differs between the runs of one sweep; the rest of a configuration they share.
VARYING = ("variant", "depth", "seed", "shortcut")


@dataclass(frozen=True)
class Sweep:
    """Every variant at every depth with every seed, alike in all else; `plan_sweep` makes one."""

    variants: tuple[str, ...]
    depths: tuple[int, ...]
    seeds: tuple[int, ...]
    configs: tuple[RunConfig, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    """Where its settings come from, kept as further parameters of the parent run."""

    @property
    def sweep_hash(self) -> str:
        """Twelve hex digits that two sweeps share exactly when they ask for the same runs, for the same reasons."""
        hashes = sorted(config.config_hash for config in self.configs)
        hashes += [f"{name}={text}" for name, text in sorted(self.notes.items())]
        return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:12]

    @property
    def params(self) -> dict[str, str]:
        """What was asked for, as the parameters of the sweep's parent run."""
        shared = {name: self._setting(name) for name in asdict(self.configs[0]) if name not in VARYING}
        shortcuts = {config.shortcut for config in self.configs if config.shortcut != "none"}
        return {
            "variants": " ".join(self.variants),
            "depths": " ".join(map(str, self.depths)),
            "seeds": " ".join(map(str, self.seeds)),
            **shared,
            "shortcut": " ".join(shortcuts) or "none",
            **self.notes,
        }

    def _setting(self, name: str) -> str:
        """A setting's value, or where networks differ in it the value of each."""
        values = {f"{config.variant}-{config.depth}": getattr(config, name) for config in reversed(self.configs)}
        if len(set(values.values())) == 1:
            return str(getattr(self.configs[0], name))
        return ", ".join(f"{value} ({network})" for network, value in values.items())


def plan_sweep(
    variants: Sequence[str],
    depths: Sequence[int],
    seeds: Sequence[int],
    *,
    own: Mapping[tuple[str, int], Mapping[str, Any]] | None = None,
    notes: Mapping[str, str] | None = None,
    **settings: Any,
) -> Sweep:
    """The sweep over variants x depths x seeds; `settings` are those of `plainres.config.configure`.

    Args:
        variants, depths, seeds: what is combined.
        own: by variant and depth, what a network has of its own in place of the settings that all share.
        notes: the sweep's.
        settings: what all runs share.

    Raises:
        BadInput: an empty list or a repeated value in one, depths of two families, or what `configure` refuses.
    """
    for what, values in (("variant", variants), ("depth", depths), ("seed", seeds)):
        check_distinct(what, values)
    # The deepest first: the longest runs would otherwise end the sweep with idle workers.
    configs = tuple(
        configure(variant, depth, seed, **{**settings, **(own or {}).get((variant, depth), {})})
        for depth, seed, variant in product(sorted(depths, reverse=True), seeds, variants)
    )
    family_of = {config.depth: config.family for config in configs}
    if len(set(family_of.values())) > 1:
        listed = ", ".join(f"{depth} is {family}" for depth, family in sorted(family_of.items()))
        raise BadInput(f"depths of two families can't be compared: {listed}")
    return Sweep(tuple(variants), tuple(sorted(depths)), tuple(seeds), configs, notes or {})


def check_distinct(what: str, values: Sequence[Hashable]) -> None:
    """Raise BadInput for an empty list or a value that stands in it twice."""
    if not values:
        raise BadInput(f"no {what} is given")
    repeated = [value for value in values if values.count(value) > 1]
    if repeated:
        raise BadInput(f"{what} {repeated[0]} is given twice")
