"""The network that a run's configuration stands for."""

from torch import nn

from plainres.networks.architecture import Architecture
from plainres.networks.factory import drawn
from plainres.networks.network import Network
from plainres.settings import NetworkSettings, RunConfig, names_of


def network_for(
    config: RunConfig, *, in_channels: int, num_classes: int, convolution: type[nn.Conv2d] = nn.Conv2d
) -> Network:
    """The network with freshly drawn weights, for images of so many channels and classes; see `build_network`."""
    settings = {name: getattr(config, name) for name in ("variant", "depth", *names_of(NetworkSettings))}
    return drawn(Architecture(**settings), in_channels, num_classes, convolution)
