"""Defines a study: one network's runs under one search, and all that its outcome depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from plainres.errors import BadInput
from plainres.settings import DECLARED, RunConfig, identity_of
from plainres.sweeps.configure import changed
from plainres.sweeps.plan import plan_sweep
from plainres.sweeps.tuned import numbered
from plainres.tuning.search import Search, budget_words, trial_settings
from plainres.tuning.space import Values, described, quasi_random

DEFAULT_PREFIX = "lr-batch-size"

SEEDS_TO_CONFIRM = 3
FRESH_SEEDS = 1_000_000  # and up: those on which a study's best trials are trained again
LATER_SEEDS = 2_000_000  # and up: those of the trials of a network's second study and the ones after it
# What a definition lacked before it could be anything else.
BEFORE = {
    "searched": "lr batch_size", "sampler": "tpe", "budget": "epochs",
    "lowest weight decay": None, "highest weight decay": None,
}  # fmt: skip


@dataclass(frozen=True)
class StudyPlan:
    """Describes one study of a network; `plan_studies` makes them.

    Attributes:
        prefix: what the names of all studies of one comparison begin with.
        search: how the network is tuned.
        config: a trial's configuration but for what is searched, which here is the first trial's.
        number: which of the network's studies it is, from 0.
    """

    prefix: str
    search: Search
    config: RunConfig
    number: int = 0

    def __post_init__(self) -> None:
        """Raise BadInput for a batch size or a pruner's warm-up that this network's runs can't have."""
        for batch_size in self.search.batch_sizes if "batch_size" in self.search.searched else ():
            self.trial_config({"batch_size": batch_size})
        if not 0 <= self.pruner_warmup <= self.config.epochs:
            raise BadInput(f"the pruner's warm-up of {self.pruner_warmup} epochs is outside 0 to {self.config.epochs}")

    @property
    def label(self) -> str:
        """Name the arm at its depth, and which of its studies, as `plain-34` and `plain-34-study1`."""
        return self.config.network + numbered(self.number)

    @property
    def name(self) -> str:
        """Name the study in its storage."""
        return study_name(self.prefix, self.config, self.number)

    @property
    def pruner_warmup(self) -> int:
        """Count the epochs before a trial may be pruned."""
        warmup = self.search.pruner_warmup
        return max(1, self.config.epochs // 3) if warmup is None else warmup

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """List the seeds, which no trial of any study has, on which this study's best trials are trained again."""
        first = FRESH_SEEDS + self.number * SEEDS_TO_CONFIRM
        return tuple(range(first, first + SEEDS_TO_CONFIRM))

    @property
    def first_trial(self) -> Values | None:
        """Look up the recipe's values of what is searched; None if they lie outside the space."""
        values = {each.name: getattr(self.config, each.name) for each in self.search.space}
        return values if all(values[each.name] in each for each in self.search.space) else None

    def fixed_values(self, slot: int) -> Values | None:
        """Find the values of a slot's trial that don't depend on other trials; None where a sampler draws them."""
        if slot == 0 and self.first_trial:
            return self.first_trial
        if self.search.sampler == "qmc":
            return quasi_random(self.search.space, slot, self.draw_seed())
        return None

    def draw_seed(self, *slot: int) -> int:
        """Make the seed of the study's draws, or of a slot's.

        A seed of each slot's own draws the same values whether or not the study was interrupted before it, and however
        many workers share it no draw is repeated.
        """
        import numpy as np

        entropy = [self.search.sampler_seed, *slot, *([self.number] if self.number else [])]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def trial_config(self, values: Mapping[str, Any], seed: int | None = None) -> RunConfig:
        """Configure the run that a trial of these values trains, with the study's seed or another one."""
        own = trial_settings(self.config, values, self.search.budget)
        return changed(self.config, **own, **({} if seed is None else {"seed": seed}))

    def fresh_runs(self, values: Mapping[str, Any]) -> list[RunConfig]:
        """List the runs that train a trial's values again, one on each fresh seed."""
        return [self.trial_config(values, seed) for seed in self.fresh_seeds]

    @property
    def definition(self) -> dict[str, Any]:
        """List all that the outcome of a trial and the choice of the next one depend on, as JSON holds it."""
        search = self.search
        return {
            **described(search.space),
            "objective": search.objective,
            "pruner": search.pruner,
            "pruner's warm-up": self.pruner_warmup,
            "sampler": search.sampler,
            "sampler seed": search.sampler_seed,
            "first trial": self.first_trial,
            "budget": budget_words(search.budget, self.config),
            **run_settings(self.config, search.searched),
            "seed": self.config.seed,
        }


def study_name(prefix: str, config: RunConfig, number: int = 0) -> str:
    """Name a network's study, as `lr-batch-size/digits/plain-34`."""
    return f"{prefix}/{config.dataset}/{config.network}{numbered(number)}"


def run_settings(config: RunConfig, searched: Sequence[str]) -> dict[str, Any]:
    """List what a run and the study that tunes it must share: the identity, but for what is searched and the seed."""
    return {name: _in_json(value) for name, value in identity_of(config).items() if name not in (*searched, "seed")}


def _in_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def complete(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a stored definition with what came after it: settings, of runs or searches, at their defaults then."""
    defaults = {name: _in_json(each.default) for name, each in DECLARED.items() if each.default is not MISSING}
    return {**defaults, **BEFORE, **definition}


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Say in what two definitions differ."""
    before = complete(stored)
    return [
        f"{name.replace('_', ' ')} is {before.get(name)}, not {value}"
        for name, value in asked.items()
        if before.get(name) != value
    ]


def plan_studies(
    arms: Sequence[str],
    depths: Sequence[int],
    seed: int,
    *,
    prefix: str,
    search: Search,
    settings: dict[str, Any],
    studies: int = 1,
    elsewhere: bool = False,
) -> tuple[StudyPlan, ...]:
    """Plan studies for each arm at each depth, deepest first.

    Args:
        arms: as `plan_sweep` has them.
        depths: as `plan_sweep` has them.
        seed: of the initial weights and order of the images of every trial of a network's first study, so that trials
            differ in what is searched; later studies have others of their own.
        prefix: what the studies' names begin with.
        search: how each is tuned.
        settings: those of `plainres.sweeps.configure.configure`; what is searched is the first trial's there.
        studies: how many for each network, independent of each other.
        elsewhere: whether other machines train the trials.

    Raises:
        BadInput: what `plan_sweep` refuses, or a search that doesn't suit the runs.
    """
    if not prefix.strip():
        raise BadInput("the studies' name is empty")
    if studies < 1:
        raise BadInput(f"studies {studies} is below 1")
    if not 0 <= seed < FRESH_SEEDS:
        raise BadInput(f"seed {seed} is outside 0 to {FRESH_SEEDS - 1}: others are for later studies and confirmation")
    configs = plan_sweep(arms, depths, [seed], elsewhere=elsewhere, **settings).configs
    return tuple(
        StudyPlan(prefix, search, changed(config, seed=LATER_SEEDS + seed + number) if number else config, number)
        for config in configs
        for number in range(studies)
    )
