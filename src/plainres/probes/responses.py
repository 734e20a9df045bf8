"""Measures how large what a block adds is against what it is given. He et al. 2015, figure 7."""

from contextlib import ExitStack

import torch
from torch import Tensor, nn

from plainres.names import BLOCK_INPUT, RESPONSE
from plainres.probes.probe import Batch, blocks_of, check_size, undisturbed


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return standard deviations of F(x) and of x over images, channels and pixels, for each block.

    F(x) is read after its last batch norm, before the addition and the last ReLU; in training mode, so that batch norm
    takes the statistics of the batch, as at the start of training there are no others.
    """
    check_size(batch)
    found: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name, block in blocks_of(network).items():

            def note_input(_: nn.Module, given: tuple[Tensor, ...], name: str = name) -> None:
                found[BLOCK_INPUT + name] = given[0].std()

            def note_output(_: nn.Module, __: tuple[Tensor, ...], out: Tensor, name: str = name) -> None:
                found[RESPONSE + name] = out.std()

            stack.enter_context(block.register_forward_pre_hook(note_input))
            stack.enter_context(block.residual.register_forward_hook(note_output))
        stack.enter_context(undisturbed(network, training=True))
        with torch.no_grad():
            network(batch[0])
    return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
