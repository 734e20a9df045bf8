"""Says which network a variant and a depth stand for: stages, blocks and width, as facts that need no torch.

Sources: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1 (four-stage) and section 4.2
(three-stage).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plainres.errors import BadInput
from plainres.settings import ABOUT, DECLARED, NetworkSettings, check_name, names_of
from plainres.settings.declaration import check_choice

BOTTLENECK_FROM = 50  # layers of a four-stage network

# Table 1: the blocks of each stage.
FOUR_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
DEFAULT_WIDTH = {"four-stage": 64, "three-stage": 16}
DEFAULT_SHORTCUT = {"four-stage": "B", "three-stage": "A"}
SHORTCUTS = ("A", "B", "C")
WITHOUT_SHORTCUT = ("plain",)  # variants
DEEPEST = 1202  # of section 4.2
DEPTHS_THAT_EXIST = "four-stage: 18, 34, 50, 101, 152; three-stage: 6n+2, as 20, 32, 44, 56, 110, 1202"
BY_DEFAULT = (None, "auto")


@dataclass(frozen=True, kw_only=True)
class Architecture(NetworkSettings):
    """Holds all that a network is, but its weights, its images' channels and its classes; every default is resolved.

    The settings are explained where they are declared.

    Raises:
        BadInput: there is no such network.
    """

    variant: str
    depth: int
    """Weighted layers on the main path."""

    def __post_init__(self) -> None:
        for name in ("variant", *names_of(NetworkSettings)):
            ABOUT[name].check(getattr(self, name))
        check_choice("shortcut", self.shortcut, ("none",) if self.variant in WITHOUT_SHORTCUT else SHORTCUTS)
        for contradiction, why in self._contradictions():
            if contradiction:
                raise BadInput(why)
        self.blocks  # noqa: B018  # refuses a depth that doesn't exist

    @property
    def fixup(self) -> bool:
        """Says whether residual blocks follow Fixup's rules."""
        return self.shortcut != "none" and self.norm == "none" and not self.residual_gate

    @property
    def begins_at_zero(self) -> bool:
        """Says whether F(x) is zero at the start."""
        return self.zero_gamma or self.residual_gate or self.fixup

    def _contradictions(self) -> Iterator[tuple[bool, str]]:
        """Combinations without meaning, each with the reason."""
        plain = self.shortcut == "none"
        yield plain and self.residual_gate, "residual_gate: a plain network passes nothing beside a gate at zero"
        yield plain and self.zero_gamma, "zero_gamma: a plain network passes nothing beside a batch norm at zero"
        yield plain and self.shortcut_scale != 1, "shortcut_scale: a plain network has no shortcut"
        yield (
            plain and self.block != "post",
            f"block {self.block}: a plain network's layers have the same order as with post",
        )
        yield self.zero_gamma and self.norm == "none", "zero_gamma: with norm none there is no norm"
        scaled = self.branch_factor != 1
        yield plain and scaled, "branch_scale, branch_power: a plain network has no branch beside a shortcut"
        yield scaled and (self.residual_gate or self.fixup), "branch_scale, branch_power: F(x) has a learnt factor"
        yield (
            self.leak != DECLARED["leak"].default and self.activation != "leaky",
            "leak: only activation leaky has one",
        )
        yield self.activation == "tat" and not plain, "activation tat: its slope is known for plain networks"
        yield (
            self.activation == "tat" and self.norm != "none",
            "activation tat: a norm would undo what it does to a signal; norm none goes with it",
        )
        crelu = self.activation == "crelu"
        yield crelu and not plain, "activation crelu: a shortcut would carry twice the channels that F(x) has"
        yield (
            crelu and (self.stem == "imagenet" or self.downsampling == "pool"),
            "activation crelu: max-pools, of stem imagenet and downsampling pool, are not linear at the start",
        )
        yield crelu and self.weights == "dirac", "weights dirac: their identity would see the first half of a crelu"
        yield self.zero_gamma and self.block == "pre", "zero_gamma: with block pre no batch norm ends a block"
        yield (
            self.zero_gamma and self.block == "before",
            "zero_gamma: with block before a ReLU of zero stops F's gradient",
        )
        yield self.zero_gamma and self.residual_gate, "zero_gamma: it doesn't learn behind a residual_gate at zero"
        yield (
            self.begins_at_zero and self.shortcut_scale == 0,
            "shortcut_scale 0: nothing passes a block whose F(x) is zero",
        )
        yield (
            self.init != "dirac" and self.init_share != DECLARED["init_share"].default,
            "init_share: only init dirac has a share",
        )
        yield self.weights == "dirac" and self.init == "dirac", "init dirac: weights dirac have the identity already"
        yield self.fixup and self.init != "he", "init: Fixup (norm none without residual_gate) scales He's draw"
        yield (
            self.fixup and self.block == "before",
            "block before: Fixup (norm none without residual_gate) has no such block",
        )
        yield self.fixup and self.weights == "dirac", "weights dirac: they can't start at zero, as Fixup's do"

    @property
    def branch_factor(self) -> float:
        """Gives the number that F(x) is multiplied by."""
        return float(self.branch_scale * sum(self.blocks) ** -self.branch_power)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Counts the blocks of each stage."""
        if self.family == "four-stage" and self.depth in FOUR_STAGE:
            return FOUR_STAGE[self.depth]
        if self.family == "three-stage" and 8 <= self.depth <= DEEPEST and self.depth % 6 == 2:
            return ((self.depth - 2) // 6,) * 3
        raise BadInput(f"depth {self.depth} does not exist ({DEPTHS_THAT_EXIST})")

    @property
    def bottleneck(self) -> bool:
        """Says whether blocks have three convolutions (figure 5, right) or two."""
        return self.family == "four-stage" and self.depth >= BOTTLENECK_FROM


def resolve_architecture(
    variant: str,
    depth: int,
    *,
    width: int | None = None,
    stem: str = "imagenet",
    shortcut: str | None = None,
    family: str | None = None,
    **options: Any,
) -> Architecture:
    """Return the architecture of a variant at a depth; None and `auto` stand for the default of an option.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        width: channels of the first stage; by default 64 (four-stage) or 16 (three-stage).
        stem: `imagenet` or `small`.
        shortcut: `A`, `B` or `C`; by default `B` (four-stage) or `A` (three-stage). A plain network has none, whatever
            is given here.
        family: `four-stage` or `three-stage`; by default the one that has this depth, four-stage first (50 and 152
            exist in both).
        options: further settings of networks (`plainres.settings.NetworkSettings`).

    Raises:
        BadInput: there is no such network or option.
    """
    if family is None or family == "auto":
        family = "four-stage" if depth in FOUR_STAGE else "three-stage"
    check_choice("family", family, tuple(DEFAULT_WIDTH))
    if shortcut is None or shortcut == "auto":
        shortcut = DEFAULT_SHORTCUT[family]
    elif variant in WITHOUT_SHORTCUT:
        check_choice("shortcut", shortcut, (*SHORTCUTS, "none"))
    for name in options:
        check_name(name, names_of(NetworkSettings))
    return Architecture(
        variant=variant,
        depth=depth,
        family=family,
        stem=stem,
        shortcut="none" if variant in WITHOUT_SHORTCUT else shortcut,
        width=width or DEFAULT_WIDTH[family],
        **{name: value for name, value in options.items() if value not in BY_DEFAULT},
    )
