"""What a study is: one network's search, the same for every network asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from fractions import Fraction
from typing import Any

from plainres.config import changed
from plainres.declaration import check_choice
from plainres.errors import BadInput
from plainres.settings import DECLARED, RunConfig, identity_of
from plainres.sweeps.plan import check_distinct, plan_sweep
from plainres.sweeps.tuned import numbered
from plainres.tuning.space import SEARCHABLE, Choices, Dimension, LogRange, Values, described, quasi_random

OBJECTIVES = ("train_loss", "train_error", "validation_loss", "validation_error")
PRUNERS = ("median", "hyperband", "none")
SAMPLERS = ("tpe", "random", "qmc")
BUDGETS = ("epochs", "steps")
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
class Search:
    """How a network is tuned; every network of a comparison is tuned by the same search.

    Attributes:
        lr_range: lowest and highest learning rate, searched log-uniformly.
        batch_sizes: the ones that are tried.
        objective: one of `OBJECTIVES`, minimised.
        pruner: one of `PRUNERS`.
        pruner_warmup: epochs that every trial may train before it can be pruned; None for a third of the epochs.
        sampler_seed: with a trial's place in its study it seeds that trial's draw.
        searched: the settings that are searched, of `SEARCHABLE`; the others are the recipe's.
        weight_decay_range: lowest and highest weight decay, searched log-uniformly.
        sampler: one of `SAMPLERS`.
        budget: one of `BUDGETS`: what trials of different batch sizes have in common.
    """

    lr_range: tuple[float, float]
    batch_sizes: tuple[int, ...]
    objective: str
    pruner: str
    pruner_warmup: int | None
    sampler_seed: int
    searched: tuple[str, ...] = ("lr", "batch_size")
    weight_decay_range: tuple[float, float] = (1e-6, 1e-2)
    sampler: str = "tpe"
    budget: str = "epochs"

    def __post_init__(self) -> None:
        """Raise BadInput for a search that can't be made."""
        for what, (low, high) in (("learning rates", self.lr_range), ("weight decays", self.weight_decay_range)):
            if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
                raise BadInput(f"{what} from {low:g} to {high:g} are no range: it needs 0 < low < high")
        check_distinct("batch size", self.batch_sizes)
        check_distinct("setting to search", self.searched)
        for name in self.searched:
            check_choice("setting to search", name, SEARCHABLE)
        for what, value, choices in (
            ("objective", self.objective, OBJECTIVES),
            ("pruner", self.pruner, PRUNERS),
            ("sampler", self.sampler, SAMPLERS),
            ("budget", self.budget, BUDGETS),
        ):
            check_choice(what, value, choices)
        if not 0 <= self.sampler_seed < 2**32:
            raise BadInput(f"sampler seed {self.sampler_seed} is outside 0 to 2**32 - 1")

    @property
    def space(self) -> tuple[Dimension, ...]:
        """What is searched, in the order in which it is drawn."""
        dimensions: dict[str, Dimension] = {
            "lr": LogRange("lr", *self.lr_range),
            "batch_size": Choices("batch_size", self.batch_sizes),
            "weight_decay": LogRange("weight_decay", *self.weight_decay_range),
        }
        return tuple(dimensions[name] for name in SEARCHABLE if name in self.searched)


@dataclass(frozen=True)
class StudyPlan:
    """One study of a network; `plan_studies` makes them.

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
        """The arm at its depth, and which of its studies, as `plain-34` and `plain-34-study1`."""
        return self.config.network + numbered(self.number)

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return study_name(self.prefix, self.config, self.number)

    @property
    def pruner_warmup(self) -> int:
        """Epochs before a trial may be pruned."""
        warmup = self.search.pruner_warmup
        return max(1, self.config.epochs // 3) if warmup is None else warmup

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """Seeds that no trial of any study has, on which this study's best trials are trained again."""
        first = FRESH_SEEDS + self.number * SEEDS_TO_CONFIRM
        return tuple(range(first, first + SEEDS_TO_CONFIRM))

    @property
    def first_trial(self) -> Values | None:
        """The recipe's values of what is searched, or None if they lie outside the space."""
        values = {each.name: getattr(self.config, each.name) for each in self.search.space}
        return values if all(values[each.name] in each for each in self.search.space) else None

    def fixed_values(self, slot: int) -> Values | None:
        """The values of a slot's trial where they don't depend on other trials; None where a sampler draws them."""
        if slot == 0 and self.first_trial:
            return self.first_trial
        if self.search.sampler == "qmc":
            return quasi_random(self.search.space, slot, self.draw_seed())
        return None

    def draw_seed(self, *slot: int) -> int:
        """The seed of the study's draws, or of a slot's.

        A seed of each slot's own draws the same values whether or not the study was interrupted before it, and however
        many workers share it no draw is repeated.
        """
        import numpy as np

        entropy = [self.search.sampler_seed, *slot, *([self.number] if self.number else [])]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def trial_config(self, values: Mapping[str, Any], seed: int | None = None) -> RunConfig:
        """The run that a trial of these values trains, with the study's seed or another one."""
        own = trial_settings(self.config, values, self.search.budget)
        return changed(self.config, **own, **({} if seed is None else {"seed": seed}))

    @property
    def definition(self) -> dict[str, Any]:
        """Everything that the outcome of a trial and the choice of the next one depend on, as JSON holds it."""
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
    """The name of a network's study, as `lr-batch-size/digits/plain-34`."""
    return f"{prefix}/{config.dataset}/{config.network}{numbered(number)}"


def trial_settings(config: RunConfig, values: Mapping[str, Any], budget: str) -> dict[str, Any]:
    """All settings in which the trial of these values differs from the configuration of its network.

    With equal epochs every trial sees the same number of images. With equal steps, epochs and warm-up grow with the
    batch size, so that steps are those of the configuration's own batch size but for rounding to whole epochs.
    """
    if budget == "epochs" or "batch_size" not in values:
        return dict(values)
    factor = Fraction(values["batch_size"], config.batch_size)
    epochs = max(1, _rounded(config.epochs * factor))
    warmup = min(_rounded(config.warmup_epochs * factor), epochs - 1)
    return {**values, "epochs": epochs, **({"warmup_epochs": warmup} if config.warmup_epochs else {})}


def budget_words(budget: str, config: RunConfig) -> str:
    """The budget as a definition has it; steps are those of the configuration's batch size."""
    return budget if budget == "epochs" else f"steps of batch size {config.batch_size}"


def run_settings(config: RunConfig, searched: Sequence[str]) -> dict[str, Any]:
    """What a run and the study that tunes it must share: the identity, but for what is searched and the seed."""
    return {name: _in_json(value) for name, value in identity_of(config).items() if name not in (*searched, "seed")}


def _in_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _rounded(value: Fraction) -> int:
    """To the nearest whole number, halves up."""
    return math.floor(value + Fraction(1, 2))


def complete(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A stored definition with what came after it: a setting, of a run or of the search, that had its default then."""
    defaults = {name: _in_json(each.default) for name, each in DECLARED.items() if each.default is not MISSING}
    return {**defaults, **BEFORE, **definition}


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """In words, what two definitions differ in."""
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
) -> tuple[StudyPlan, ...]:
    """Studies for each arm at each depth, deepest first.

    Args:
        arms: as `plan_sweep` has them.
        depths: as `plan_sweep` has them.
        seed: of the initial weights and order of the images of every trial of a network's first study, so that trials
            differ in what is searched; later studies have others of their own.
        prefix: what the studies' names begin with.
        search: how each is tuned.
        settings: those of `plainres.config.configure`; what is searched is the first trial's there.
        studies: how many for each network, independent of each other.

    Raises:
        BadInput: what `plan_sweep` refuses, or a search that doesn't suit the runs.
    """
    if not prefix.strip():
        raise BadInput("the studies' name is empty")
    if studies < 1:
        raise BadInput(f"studies {studies} is below 1")
    if not 0 <= seed < FRESH_SEEDS:
        raise BadInput(f"seed {seed} is outside 0 to {FRESH_SEEDS - 1}: others are for later studies and confirmation")
    configs = plan_sweep(arms, depths, [seed], **settings).configs
    return tuple(
        StudyPlan(prefix, search, changed(config, seed=LATER_SEEDS + seed + number) if number else config, number)
        for config in configs
        for number in range(studies)
    )
