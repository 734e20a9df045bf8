import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from plainres.networks.architecture import resolve_architecture
from plainres.networks.factory import build_network
from plainres.networks.layers import Layers

# A backward pass that writes past a buffer breaks the heap: in one of these steps the process would be killed.
NARROW = """
import torch
from plainres.models import build_network
torch.manual_seed(0)
network = build_network("residual", 8, num_classes=10, width=4, stem="small", shortcut="B")
network.to(memory_format=torch.channels_last)
for _ in range(40):
    images = torch.randn(16, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    network(images).sum().backward()
"""


@pytest.mark.parametrize("in_channels", [4, 7, 8])
def test_a_projection_is_a_strided_convolution_at_every_width(in_channels: int) -> None:
    torch.manual_seed(0)
    layers = Layers(resolve_architecture("residual", 20, shortcut="B", projection_norm=False))
    projection = layers.projection(in_channels, 16, 2)
    images, weight = torch.randn(3, in_channels, 7, 6, requires_grad=True), projection.get_parameter("0.weight")
    results = []
    for out in (projection(images), nn.functional.conv2d(images, weight, stride=2)):
        results.append([out, *torch.autograd.grad((out**2).sum(), (images, weight))])
    torch.testing.assert_close(*results)


def test_no_narrow_strided_projection_is_left_to_onednn() -> None:
    for width in range(1, 13):
        for depth in (20, 50):
            for module in build_network("residual", depth, num_classes=2, width=width, shortcut="C").modules():
                if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.stride != (1, 1):
                    assert module.in_channels >= 8


def test_narrow_networks_leave_the_memory_of_others_alone() -> None:
    subprocess.run([sys.executable, "-c", NARROW], env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}, check=True)
