"""The network that a run's configuration stands for."""

from plainres.networks.factory import Network, build_network
from plainres.settings import RunConfig


def network_for(config: RunConfig, *, in_channels: int, num_classes: int) -> Network:
    """The network with freshly drawn weights, for images of so many channels and classes."""
    return build_network(
        config.variant,
        config.depth,
        num_classes=num_classes,
        in_channels=in_channels,
        width=config.width,
        stem=config.stem,
        shortcut=None if config.shortcut == "none" else config.shortcut,
        family=config.family,
        conv_bias=config.conv_bias,
        projection_norm=config.projection_norm,
    )
