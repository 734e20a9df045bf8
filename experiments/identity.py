"""How hard is it for one block to do nothing? Trains a plain and a residual block to give back their input.

`python -m experiments.identity`: the two start with the same weights and see the same inputs.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from plainres.cli.command_line import FINISHED, run_command
from plainres.settings import VARIANTS
from plainres.settings.declaration import check_values, setting

PROGRAM = "uv run python -m experiments.identity"
SHOWN = (0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
# The network of which the second block is taken: its shortcut is an identity.
DEPTH_OF = {"basic": 20, "bottleneck": 50}


@dataclass(frozen=True)
class Flags:
    """Train one plain and one residual block to give back their input, by SGD with momentum 0.9.

    The error is the mean squared difference between output and input over the input's mean square: 100 % for an output
    of zeros, 0 % for the identity.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--block bottleneck --steps 1000")

    block: str = setting(
        "basic", "basic (two 3x3 convolutions) or bottleneck (1x1, 3x3, 1x1).", choices=tuple(DEPTH_OF)
    )
    steps: int = setting(200, "Steps of 64 inputs each.", least=1)
    lr: float = setting(0.1, "Learning rate.", words="learning rate", above=0)
    seed: int = setting(0, "Of the weights and the inputs.")


def main(flags: Flags) -> int:
    """Print the error of both blocks as they learn."""
    check_values(flags)
    print(f"{'step':>5}" + "".join(f"{variant:>12}" for variant in VARIANTS))
    both = zip(*(errors(variant, flags) for variant in VARIANTS), strict=True)
    for step, values in enumerate(both):
        if step in SHOWN or step == flags.steps:
            print(f"{step:>5}" + "".join(f"{value:>12.2%}" for value in values), flush=True)
    return FINISHED


def errors(variant: str, flags: Flags) -> Iterator[float]:
    """Yield the error at initialisation and after each step, on inputs that the block hasn't seen."""
    import torch

    from plainres.networks.factory import build_network

    torch.manual_seed(flags.seed)
    network = build_network(variant, DEPTH_OF[flags.block], num_classes=2, width=16, stem="small", shortcut="B")
    block = network.get_submodule("layer1.1")
    channels = next(block.parameters()).shape[1]
    optimizer = torch.optim.SGD(block.parameters(), lr=flags.lr, momentum=0.9)
    draws = torch.Generator().manual_seed(flags.seed)
    for _ in range(flags.steps + 1):
        # As between blocks: what has passed a ReLU.
        x = torch.randn(64, channels, 8, 8, generator=draws).relu()
        loss = (block(x) - x).square().mean() / x.square().mean()
        yield loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
