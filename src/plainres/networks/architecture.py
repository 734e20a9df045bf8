"""Which network a variant and a depth stand for: stages, blocks and width, as facts that need no torch.

Sources: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1 (four-stage) and section 4.2
(three-stage).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from plainres.errors import BadInput

VARIANTS = ("plain", "residual")
STEMS = ("imagenet", "small")
SHORTCUTS = ("A", "B", "C")
INITS = ("he", "dirac", "orthogonal", "delta-orthogonal")
SHARE = 0.1  # of the draw beside the identity, for init=dirac
WEIGHTS = ("plain", "dirac")
BLOCKS = ("post", "pre")
NORMS = ("batch", "none")
BOTTLENECK_FROM = 50  # layers of a four-stage network

# Table 1: the blocks of each stage.
FOUR_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
DEFAULT_WIDTH = {"four-stage": 64, "three-stage": 16}
DEFAULT_SHORTCUT = {"four-stage": "B", "three-stage": "A"}
DEEPEST = 1202  # of section 4.2
WIDEST = 4096  # 64 times the paper's
DEPTHS_THAT_EXIST = "four-stage: 18, 34, 50, 101, 152; three-stage: 6n+2, as 20, 32, 44, 56, 110, 1202"
BY_DEFAULT = (None, "auto")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that a network is, but its weights, the channels of its images and its classes; every default is resolved.

    Raises:
        BadInput: there is no such network.
    """

    variant: str
    depth: int
    """Weighted layers on the main path."""
    family: str
    """`four-stage` (table 1) or `three-stage` (section 4.2)."""
    stem: str
    """`imagenet` (7x7/2 convolution, 3x3/2 max-pool) or `small` (3x3/1 convolution)."""
    shortcut: str
    """`A` (zero-padded identity), `B` (projection where the shape changes) or `C` (projection everywhere), section 3.3;
    `none` in a plain network."""
    width: int
    """Channels of the first stage."""
    conv_bias: bool = False
    """Whether convolutions have biases, which start at zero; batch norm makes them redundant."""
    projection_norm: bool = True
    """Whether batch norm follows the 1x1 convolution of shortcuts B and C; it never does with `block` pre."""
    init: str = "he"
    """How the main path's convolutions start: `he` (He et al. 2015b); `dirac`, the identity plus `init_share` of He's
    draw; `orthogonal` (Saxe et al. 2014); `delta-orthogonal` (Xiao et al. 2018, algorithm 1)."""
    init_share: float = SHARE
    """The share of He's draw with `init` dirac."""
    weights: str = "plain"
    """`dirac`: blocks learn diag(a) I + diag(b) W / |W| in the place of W (Zagoruyko & Komodakis 2017, section 3)."""
    shortcut_scale: float = 1.0
    """By what shortcuts are multiplied (He et al. 2016, section 3.1, constant scaling)."""
    block: str = "post"
    """`pre`: norm and ReLU stand before each convolution and none after the addition (He et al. 2016, figure 4e)."""
    zero_gamma: bool = False
    """Whether the last batch norm of each block starts at zero (Goyal et al. 2017, section 5.1)."""
    residual_gate: bool = False
    """Whether F(x) is multiplied by a learnt scalar that starts at zero (SkipInit: De & Smith 2020; ReZero: Bachlechner
    et al. 2020)."""
    norm: str = "batch"
    """`none`: no batch norm; residual blocks without a gate then follow Fixup (Zhang et al. 2019, section 3)."""

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, VARIANTS)
        check_choice("family", self.family, tuple(DEFAULT_WIDTH))
        check_choice("stem", self.stem, STEMS)
        check_choice("shortcut", self.shortcut, ("none",) if self.variant == "plain" else SHORTCUTS)
        check_choice("init", self.init, INITS)
        check_choice("weights", self.weights, WEIGHTS)
        check_choice("block", self.block, BLOCKS)
        check_choice("norm", self.norm, NORMS)
        for name in ("init_share", "shortcut_scale"):
            if not 0 <= getattr(self, name) < inf:
                raise BadInput(f"{name} {getattr(self, name)} is not a number from 0 on")
        for contradiction, why in self._contradictions():
            if contradiction:
                raise BadInput(why)
        if not 1 <= self.width <= WIDEST:
            raise BadInput(f"width {self.width} is outside 1 to {WIDEST}")
        self.blocks  # noqa: B018  # refuses a depth that doesn't exist

    @property
    def fixup(self) -> bool:
        """Whether residual blocks follow Fixup's rules."""
        return self.variant == "residual" and self.norm == "none" and not self.residual_gate

    def _contradictions(self) -> Iterator[tuple[bool, str]]:
        """Combinations without meaning, each with the reason."""
        plain = self.variant == "plain"
        yield plain and self.residual_gate, "residual_gate: a plain network passes nothing beside a gate at zero"
        yield plain and self.zero_gamma, "zero_gamma: a plain network passes nothing beside a batch norm at zero"
        yield plain and self.shortcut_scale != 1, "shortcut_scale: a plain network has no shortcut"
        yield plain and self.block == "pre", "block pre: a plain network's layers have the same order as with post"
        yield self.zero_gamma and self.norm == "none", "zero_gamma: with norm none there is no batch norm"
        yield self.zero_gamma and self.block == "pre", "zero_gamma: with block pre no batch norm ends a block"
        yield self.zero_gamma and self.residual_gate, "zero_gamma: it doesn't learn behind a residual_gate at zero"
        at_zero = self.zero_gamma or self.residual_gate or self.fixup
        yield at_zero and self.shortcut_scale == 0, "shortcut_scale 0: nothing passes a block whose F(x) is zero"
        yield self.init != "dirac" and self.init_share != SHARE, "init_share: only init dirac has a share"
        yield self.weights == "dirac" and self.init == "dirac", "init dirac: weights dirac have the identity already"
        yield self.fixup and self.init != "he", "init: Fixup (norm none without residual_gate) scales He's draw"
        yield self.fixup and self.weights == "dirac", "weights dirac: they can't start at zero, as Fixup's do"

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks of each stage."""
        if self.family == "four-stage" and self.depth in FOUR_STAGE:
            return FOUR_STAGE[self.depth]
        if self.family == "three-stage" and 8 <= self.depth <= DEEPEST and self.depth % 6 == 2:
            return ((self.depth - 2) // 6,) * 3
        raise BadInput(f"depth {self.depth} does not exist ({DEPTHS_THAT_EXIST})")

    @property
    def bottleneck(self) -> bool:
        """Whether blocks have three convolutions (figure 5, right) or two."""
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
    """The architecture of a variant at a depth; None and `auto` stand for the default of an option.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        width: channels of the first stage; by default 64 (four-stage) or 16 (three-stage).
        stem: `imagenet` or `small`.
        shortcut: `A`, `B` or `C`; by default `B` (four-stage) or `A` (three-stage). A plain network has none, whatever
            is given here.
        family: `four-stage` or `three-stage`; by default the one that has this depth, four-stage first (50 and 152
            exist in both).
        options: further fields of `Architecture`.

    Raises:
        BadInput: there is no such network or option.
    """
    if family is None or family == "auto":
        family = "four-stage" if depth in FOUR_STAGE else "three-stage"
    check_choice("family", family, tuple(DEFAULT_WIDTH))
    if shortcut is None or shortcut == "auto":
        shortcut = DEFAULT_SHORTCUT[family]
    elif variant == "plain":
        check_choice("shortcut", shortcut, (*SHORTCUTS, "none"))
    known = [field.name for field in fields(Architecture)]
    for name in options:
        check_choice("option of a network", name, tuple(known))
    return Architecture(
        variant=variant,
        depth=depth,
        family=family,
        stem=stem,
        shortcut="none" if variant == "plain" else shortcut,
        width=DEFAULT_WIDTH[family] if width is None else width,
        **{name: value for name, value in options.items() if value not in BY_DEFAULT},
    )


def check_choice(what: str, value: str | None, choices: tuple[str, ...]) -> None:
    """Raise BadInput naming the choices unless `value` is one of them."""
    if value not in choices:
        raise BadInput(f"unknown {what} {value!r}; choose from {', '.join(choices)}")
