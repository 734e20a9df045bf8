"""The runs that one command asks for."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
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

    @property
    def sweep_hash(self) -> str:
        """Twelve hex digits that two sweeps share exactly when they ask for the same runs."""
        hashes = sorted(config.config_hash for config in self.configs)
        return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:12]

    @property
    def params(self) -> dict[str, str]:
        """What was asked for, as the parameters of the sweep's parent run."""
        shared = {name: str(value) for name, value in asdict(self.configs[0]).items() if name not in VARYING}
        shortcuts = {config.shortcut for config in self.configs if config.shortcut != "none"}
        return {
            "variants": " ".join(self.variants),
            "depths": " ".join(map(str, self.depths)),
            "seeds": " ".join(map(str, self.seeds)),
            **shared,
            "shortcut": " ".join(shortcuts) or "none",
        }


def plan_sweep(variants: Sequence[str], depths: Sequence[int], seeds: Sequence[int], **settings: Any) -> Sweep:
    """The sweep over variants x depths x seeds; `settings` are those of `plainres.config.configure`.

    Raises:
        BadInput: an empty list or a repeated value in one, depths of two families, or what `configure` refuses.
    """
    for what, values in (("variant", variants), ("depth", depths), ("seed", seeds)):
        check_distinct(what, values)
    # The deepest first: the longest runs would otherwise end the sweep with idle workers.
    configs = tuple(
        configure(variant, depth, seed, **settings)
        for depth, seed, variant in product(sorted(depths, reverse=True), seeds, variants)
    )
    family_of = {config.depth: config.family for config in configs}
    if len(set(family_of.values())) > 1:
        listed = ", ".join(f"{depth} is {family}" for depth, family in sorted(family_of.items()))
        raise BadInput(f"depths of two families can't be compared: {listed}")
    return Sweep(tuple(variants), tuple(sorted(depths)), tuple(seeds), configs)


def check_distinct(what: str, values: Sequence[Hashable]) -> None:
    """Raise BadInput for an empty list or a value that stands in it twice."""
    if not values:
        raise BadInput(f"no {what} is given")
    repeated = [value for value in values if values.count(value) > 1]
    if repeated:
        raise BadInput(f"{what} {repeated[0]} is given twice")
