"""Measures what is lost with blocks dropped or swapped. Veit et al. 2016, "Residual Networks Behave Like Ensembles"."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from statistics import mean

import torch
from torch import Tensor, nn

from plainres.names import LESION, RENORMALISED, TAU
from plainres.networks.blocks import Block
from plainres.probes.probe import Batch, blocks_of, check_size, undisturbed

DRAWS = 10  # of blocks to drop, and of pairs to swap, that a mean is over

Pair = tuple[str, str]
"""The names of two blocks that change places."""


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return errors in [0, 1] on the batch, `lesion` with batch norm's running statistics, `renormalised_lesion` anew.

    `none`: of the network as it is; a block's name: without it; `identity_1`: the mean without one of the blocks whose
    shortcut is the identity, `changing`: without one of the others; `identity_4`: without four of the former, the mean
    over draws; `swapped_4`: after four swaps of random pairs of blocks of one shape, the mean over draws, as in section
    4.3; `kendall_tau` is the rank correlation of that order of all blocks with the network's own.
    """
    check_size(batch)
    names = list(blocks_of(network))
    draws = random.Random(0)
    pairs = swappable(network)
    swaps = {count: [draws.sample(pairs, count) for _ in range(DRAWS)] for count in _powers_of_two(len(pairs))}
    errors = {
        prefix + name: value
        for prefix, anew in ((LESION, False), (RENORMALISED, True))
        for name, value in _errors(network, batch, swaps, anew=anew).items()
    }
    taus = {count: mean(kendall_tau(names, reordered(names, drawn)) for drawn in swaps[count]) for count in swaps}
    return {**errors, **{f"{TAU}swapped_{count}": tau for count, tau in taus.items()}}


def _errors(
    network: nn.Module, batch: Batch, swaps: Mapping[int, Sequence[Sequence[Pair]]], *, anew: bool
) -> dict[str, float]:
    blocks, draws = blocks_of(network), random.Random(0)
    identity = [name for name, block in blocks.items() if _keeps_shape(block) and block.downsample is None]

    def without(names: Collection[str]) -> float:
        with dropped(network, names):
            return error(network, batch, anew=anew)

    def after(pairs: Sequence[Pair]) -> float:
        with swapped(network, pairs):
            return error(network, batch, anew=anew)

    alone = {name: without([name]) for name in blocks}
    errors = {"none": error(network, batch, anew=anew), **alone}
    for kind, names in (("identity_1", identity), ("changing", [name for name in blocks if name not in identity])):
        if names:
            errors[kind] = mean(alone[name] for name in names)
    for count in _powers_of_two(len(identity))[1:]:
        errors[f"identity_{count}"] = mean(without(draws.sample(identity, count)) for _ in range(DRAWS))
    return errors | {f"swapped_{count}": mean(map(after, drawn)) for count, drawn in swaps.items()}


def error(network: nn.Module, batch: Batch, *, anew: bool = False) -> float:
    """Return the share of the batch that the network takes for another class, in evaluation mode.

    Or in training mode, where batch norm estimates its statistics `anew`, on the batch itself.
    """
    images, labels = batch
    with undisturbed(network, training=anew), torch.no_grad():
        wrong: Tensor = network(images).argmax(1) != labels
        return wrong.float().mean().item()


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


@contextmanager
def swapped(network: nn.Module, pairs: Sequence[Pair]) -> Iterator[None]:
    """Let the blocks of each pair change places for a while, one pair after the other."""
    blocks = blocks_of(network)
    for place, name in zip(blocks, reordered(list(blocks), pairs), strict=True):
        _put(network, place, blocks[name])
    try:
        yield
    finally:
        for name, block in blocks.items():
            _put(network, name, block)


def swappable(network: nn.Module) -> list[Pair]:
    """List the pairs of blocks that can change places: those of a stage that keep the shape."""
    keeping = [name for name, block in blocks_of(network).items() if _keeps_shape(block)]
    return [pair for pair in combinations(keeping, 2) if _stage(pair[0]) == _stage(pair[1])]


def reordered(names: Sequence[str], pairs: Sequence[Pair]) -> list[str]:
    """Return the names in their order after the swaps."""
    order = list(names)
    for one, other in pairs:
        here, there = order.index(one), order.index(other)
        order[here], order[there] = other, one
    return order


def kendall_tau(names: Sequence[str], order: Sequence[str]) -> float:
    """Return the share of pairs that an order leaves as they were, less the share that it turns round."""
    places = [names.index(name) for name in order]
    return mean(1 if first < second else -1 for first, second in combinations(places, 2))


def _keeps_shape(block: Block) -> bool:
    return block.stride == 1 and block.added_channels == 0


def _stage(name: str) -> str:
    return name.rpartition(".")[0]


def _put(network: nn.Module, place: str, block: Block) -> None:
    network.get_submodule(_stage(place)).add_module(place.rpartition(".")[2], block)


def _powers_of_two(most: int) -> list[int]:
    return [2**power for power in range(most.bit_length())]
