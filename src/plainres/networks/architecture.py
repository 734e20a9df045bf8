"""Which network a variant and a depth stand for: stages, blocks and width, as facts that need no torch.

Sources: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1 (four-stage) and section 4.2
(three-stage).
"""

from dataclasses import dataclass
from typing import Literal, cast

from plainres.errors import BadInput

Variant = Literal["plain", "residual"]
Family = Literal["four-stage", "three-stage"]
Stem = Literal["imagenet", "small"]
Shortcut = Literal["none", "A", "B", "C"]
Block = Literal["basic", "bottleneck"]

VARIANTS: tuple[Variant, ...] = ("plain", "residual")
STEMS: tuple[Stem, ...] = ("imagenet", "small")
SHORTCUTS: tuple[Shortcut, ...] = ("A", "B", "C")

# Table 1: the blocks of each stage.
FOUR_STAGE: dict[int, tuple[Block, tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
DEFAULT_WIDTH: dict[Family, int] = {"four-stage": 64, "three-stage": 16}
DEFAULT_SHORTCUT: dict[Family, Shortcut] = {"four-stage": "B", "three-stage": "A"}
DEEPEST = 1202  # of section 4.2
WIDEST = 4096  # 64 times the paper's
DEPTHS_THAT_EXIST = "four-stage: 18, 34, 50, 101, 152; three-stage: 6n+2, as 20, 32, 44, 56, 110, 1202"


@dataclass(frozen=True)
class Architecture:
    """A network's shape, with every default resolved."""

    variant: Variant
    depth: int
    family: Family
    block: Block
    blocks: tuple[int, ...]
    width: int
    stem: Stem
    shortcut: Shortcut


def resolve_architecture(
    variant: str,
    depth: int,
    *,
    width: int | None = None,
    stem: str = "imagenet",
    shortcut: str | None = None,
    family: str | None = None,
) -> Architecture:
    """The architecture of a variant at a depth.

    Args:
        variant: `plain` or `residual`.
        depth: weighted layers on the main path.
        width: channels of the first stage; by default 64 (four-stage) or 16 (three-stage).
        stem: `imagenet` or `small`.
        shortcut: `A`, `B` or `C` (section 3.3); by default `B` (four-stage) or `A` (three-stage). A plain network has
            none, whatever is given here.
        family: `four-stage` or `three-stage`; by default the one that has this depth, four-stage first (50 and 152
            exist in both).

    Raises:
        BadInput: an unknown variant, stem, shortcut or family, a depth that the family lacks, or a width that's out of
            bounds.
    """
    check_choice("variant", variant, VARIANTS)
    check_choice("stem", stem, STEMS)
    if family is None:
        family = "four-stage" if depth in FOUR_STAGE else "three-stage"
    check_choice("family", family, tuple(DEFAULT_WIDTH))
    family = cast(Family, family)
    block, blocks = _stages(depth, family)
    if width is None:
        width = DEFAULT_WIDTH[family]
    if not 1 <= width <= WIDEST:
        raise BadInput(f"width {width} is outside 1 to {WIDEST}")
    if shortcut is not None:
        check_choice("shortcut", shortcut, SHORTCUTS)
    if variant == "plain":
        shortcut = "none"
    elif shortcut is None:
        shortcut = DEFAULT_SHORTCUT[family]
    return Architecture(
        variant=cast(Variant, variant),
        depth=depth,
        family=family,
        block=block,
        blocks=blocks,
        width=width,
        stem=cast(Stem, stem),
        shortcut=cast(Shortcut, shortcut),
    )


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise BadInput naming the choices unless `value` is one of them."""
    if value not in choices:
        raise BadInput(f"unknown {what} {value!r}; choose from {', '.join(choices)}")


def _stages(depth: int, family: Family) -> tuple[Block, tuple[int, ...]]:
    if family == "four-stage" and depth in FOUR_STAGE:
        return FOUR_STAGE[depth]
    if family == "three-stage" and 8 <= depth <= DEEPEST and depth % 6 == 2:
        n = (depth - 2) // 6
        return "basic", (n, n, n)
    raise BadInput(f"depth {depth} does not exist ({DEPTHS_THAT_EXIST})")
