import pytest
import torch

from plainres.networks.factory import Network
from plainres.probes.probe import Batch, blocks_of
from plainres.probes.responses import measure


def test_the_deviations_are_those_of_each_block_by_hand(network: Network, batch: Batch) -> None:
    measured = measure(network, batch)
    assert len(measured) == 2 * 6
    with torch.no_grad():
        network.train()
        x = network.relu(network.bn1(network.conv1(batch[0])))
        for name, block in blocks_of(network).items():
            assert measured[f"block_input/{name}"] == pytest.approx(x.std().item(), rel=1e-4)
            assert measured[f"response/{name}"] == pytest.approx(block.body(x).std().item(), rel=1e-4)
            x = block(x)
