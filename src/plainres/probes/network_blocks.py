"""The blocks of a network, for probes that look into them."""

from torch import nn

from plainres.errors import BadInput
from plainres.networks.blocks import Block


def blocks_of(network: nn.Module) -> dict[str, Block]:
    """The blocks by name, first to last.

    Raises:
        BadInput: there are none.
    """
    found = {name: module for name, module in network.named_modules() if isinstance(module, Block)}
    if not found:
        raise BadInput(f"{type(network).__name__} has no blocks to measure; a network of `build_network` has")
    return found
