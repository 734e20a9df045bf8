"""Builds plain and residual networks with freshly drawn weights, from arguments or from a run's configuration."""

from typing import Any

import torch
from torch import nn

from plainres.networks.architecture import Architecture, resolve_architecture
from plainres.networks.initialisation import initialise
from plainres.networks.layers import Layers
from plainres.networks.network import Network
from plainres.settings import NetworkSettings, RunConfig, names_of


def build_network(
    variant: str,
    depth: int,
    *,
    num_classes: int,
    in_channels: int = 3,
    width: int | None = None,
    stem: str = "imagenet",
    shortcut: str | None = None,
    family: str | None = None,
    convolution: type[nn.Conv2d] = nn.Conv2d,
    **options: Any,
) -> Network:
    """Build a plain or residual network with freshly drawn weights.

    After the same `torch.manual_seed`, networks of one depth have identical weights on the main path, whatever their
    variant and shortcut; other options change what is made of the same random numbers, not which are taken.

    Args:
        variant: `plain` (no shortcut) or `residual`.
        depth: weighted layers on the main path: 18, 34, 50, 101, 152 (four-stage) or 6n+2 (three-stage).
        num_classes: width of the classifier.
        in_channels: channels of the images.
        width: channels of the first stage; by default 64 (four-stage) or 16 (three-stage).
        stem: `imagenet` (7x7/2 convolution, 3x3/2 max-pool) or `small` (3x3/1 convolution).
        shortcut: `A` (zero-padded identity), `B` (projection where the shape changes) or `C` (projection everywhere),
            section 3.3; by default `B` (four-stage) or `A` (three-stage). A plain network has none.
        family: `four-stage` (table 1) or `three-stage` (section 4.2); by default the one that has this depth.
        convolution: the class of the convolutions.
        options: further settings of networks (`plainres.settings.NetworkSettings`); None stands for the default.

    Returns:
        A module from images (N, in_channels, H, W) to logits (N, num_classes).

    Raises:
        BadInput (a ValueError): no such network or option.
    """
    architecture = resolve_architecture(
        variant, depth, width=width, stem=stem, shortcut=shortcut, family=family, **options
    )
    return drawn(architecture, in_channels, num_classes, convolution)


def network_for(
    config: RunConfig,
    *,
    in_channels: int,
    num_classes: int,
    convolution: type[nn.Conv2d] = nn.Conv2d,
    progress: float = 0.0,
) -> Network:
    """Build a run's network with freshly drawn weights, for images of so many channels and classes.

    Its shortcuts are as they are when the run has come so far in its training, from 0 to 1.
    """
    settings = {name: getattr(config, name) for name in ("variant", "depth", *names_of(NetworkSettings))}
    network = drawn(Architecture(**settings), in_channels, num_classes, convolution)
    if config.changes_shortcuts:
        network.schedule_shortcuts(shortcut_share(config, progress))
    return network


def shortcut_share(config: RunConfig, progress: float) -> float:
    """Return the share of its shortcuts that a run has, when it has come so far in its training, from 0 to 1."""
    if config.shortcut_until:
        return max(0.0, 1 - progress / config.shortcut_until)
    return float(progress >= config.shortcut_from)


def drawn(
    architecture: Architecture, in_channels: int, num_classes: int, convolution: type[nn.Conv2d] = nn.Conv2d
) -> Network:
    """Build the network of an architecture with freshly drawn weights."""
    # Built without storage, so that the only random numbers taken are those of `initialise`.
    with torch.device("meta"):
        network = Network(Layers(architecture, convolution), in_channels, num_classes)
    network.to_empty(device=torch.get_default_device())
    initialise(network, architecture)
    return network
