"""Which network a variant and a depth stand for: stages, blocks and width, as facts that need no torch.

Sources: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1 (four-stage) and section 4.2
(three-stage).
"""

from dataclasses import dataclass, fields
from typing import Any

from plainres.errors import BadInput

VARIANTS = ("plain", "residual")
STEMS = ("imagenet", "small")
SHORTCUTS = ("A", "B", "C")
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
    """Whether batch norm follows the 1x1 convolution of shortcuts B and C."""

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, VARIANTS)
        check_choice("family", self.family, tuple(DEFAULT_WIDTH))
        check_choice("stem", self.stem, STEMS)
        check_choice("shortcut", self.shortcut, ("none",) if self.variant == "plain" else SHORTCUTS)
        if not 1 <= self.width <= WIDEST:
            raise BadInput(f"width {self.width} is outside 1 to {WIDEST}")
        self.blocks  # noqa: B018  # refuses a depth that doesn't exist

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
