import pytest
import torch

from plainres.networks.factory import Network, build_network
from plainres.probes.probe import Batch


@pytest.fixture(params=["plain", "residual"])
def network(request: pytest.FixtureRequest) -> Network:
    """A net of four blocks in two states that a training leaves: running statistics and weights of its own."""
    torch.manual_seed(0)
    network = build_network(request.param, 14, num_classes=4, in_channels=1, width=8, stem="small", shortcut="B")
    for _ in range(5):
        network.train()(torch.randn(32, 1, 8, 8))
    return network.eval()


@pytest.fixture
def batch() -> Batch:
    draws = torch.Generator().manual_seed(1)
    return torch.randn(16, 1, 8, 8, generator=draws), torch.randint(4, (16,), generator=draws)
