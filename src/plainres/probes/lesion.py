"""Measures what is lost with blocks dropped or swapped. Veit et al. 2016, "Residual Networks Behave Like Ensembles"."""

import random
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from statistics import mean

import torch
from torch import Tensor, nn

from plainres.names import LESION
from plainres.networks.blocks import Block
from plainres.probes.probe import Batch, blocks_of, check_size, undisturbed

DRAWS = 10  # of blocks, and of orders, that a mean is over


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return errors in [0, 1] on the batch in evaluation mode.

    `none`: of the network as it is; a block's name: without it; `random_4`: without four, the mean over draws;
    `permuted`: with the blocks of each stage in another order, the mean over draws, where a stage has two to swap.
    """
    check_size(batch, 1)
    names = list(blocks_of(network))
    draws = random.Random(0)
    errors = {"none": error(network, batch)}
    errors |= {name: error_without(network, batch, [name]) for name in names}
    counts = [2**power for power in range(1, len(names).bit_length()) if 2**power < len(names)]
    for count in counts:
        errors[f"random_{count}"] = mean(
            error_without(network, batch, draws.sample(names, count)) for _ in range(DRAWS)
        )
    if any(len(_repeated(stage)) > 1 for stage in network.children()):
        errors["permuted"] = mean(error_permuted(network, batch, draws) for _ in range(DRAWS))
    return {LESION + name: value for name, value in errors.items()}


def error(network: nn.Module, batch: Batch) -> float:
    """Return the share of the batch that the network takes for another class, in evaluation mode."""
    images, labels = batch
    with undisturbed(network, training=False), torch.no_grad():
        wrong: Tensor = network(images).argmax(1) != labels
        return wrong.float().mean().item()


def error_without(network: nn.Module, batch: Batch, names: Collection[str]) -> float:
    """Return the error without the blocks of these names."""
    with dropped(network, names):
        return error(network, batch)


def error_permuted(network: nn.Module, batch: Batch, draws: random.Random) -> float:
    """Return the error with the blocks of each stage that keep the shape in a drawn order (section 4.3)."""
    stages = [module for module in network.children() if _repeated(module)]
    with ExitStack() as stack:
        for stage in stages:
            repeated = _repeated(stage)
            stack.enter_context(
                _reordered(stage, dict(zip(repeated, draws.sample(repeated, len(repeated)), strict=True)))
            )
        return error(network, batch)


@contextmanager
def dropped(network: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Drop the blocks of these names from the network for a while: each hands on what its shortcut does.

    In a plain network that is the shortcut without parameters (A of section 3.3 of He et al. 2015).
    """
    blocks = blocks_of(network)
    with ExitStack() as stack:
        for name in names:
            without = blocks[name].without_body
            stack.enter_context(blocks[name].register_forward_hook(lambda _, given, __, of=without: of(given[0])))
        yield


def _repeated(stage: nn.Module) -> list[str]:
    """The children that are blocks and keep the shape: all but the first of a stage, which may change it."""
    return [name for name, module in stage.named_children() if isinstance(module, Block)][1:]


@contextmanager
def _reordered(stage: nn.Module, order: dict[str, str]) -> Iterator[None]:
    """The stage with each of these children in another's place."""
    before = dict(stage.named_children())
    for name, other in order.items():
        stage.add_module(name, before[other])
    try:
        yield
    finally:
        for name in order:
            stage.add_module(name, before[name])
