"""Plain and residual networks from one factory: one block body for both, the shortcut is what differs.

He et al. 2015, "Deep Residual Learning for Image Recognition"; parameter names are torchvision's. Strides of bottleneck
blocks stand on the 3x3 convolution, as in torchvision.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from plainres.networks.architecture import Shortcut, resolve_architecture
from plainres.networks.convolution import Conv2d


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
    conv_bias: bool = False,
    projection_norm: bool = True,
) -> "Network":
    """Build a plain or residual network with freshly drawn weights.

    After the same `torch.manual_seed`, networks of one depth have identical weights on the main path, whatever their
    variant and shortcut.

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
        conv_bias: whether convolutions have biases, which start at zero; batch norm makes them redundant.
        projection_norm: whether batch norm follows the 1x1 convolution of shortcuts B and C.

    Returns:
        A module from images (N, in_channels, H, W) to logits (N, num_classes).

    Raises:
        BadInput (a ValueError): no such network.
    """
    architecture = resolve_architecture(variant, depth, width=width, stem=stem, shortcut=shortcut, family=family)
    # Built without storage, so that the only random numbers taken are those of `_initialise`.
    with torch.device("meta"):
        network = Network(
            block=BasicBlock if architecture.block == "basic" else Bottleneck,
            blocks=architecture.blocks,
            width=architecture.width,
            stem=architecture.stem,
            shortcut=architecture.shortcut,
            in_channels=in_channels,
            num_classes=num_classes,
            conv_bias=conv_bias,
            projection_norm=projection_norm,
        )
    network.to_empty(device=torch.get_default_device())
    _initialise(network)
    return network


class Block(nn.Module):
    """The shared form of both blocks: relu(body(x) + shortcut(x)), or relu(body(x)) in a plain network.

    Shapes: (N, in_channels, H, W) to (N, width * expansion, H / stride, W / stride).
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        shortcut: Shortcut,
        *,
        conv_bias: bool = False,
        projection_norm: bool = True,
    ) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.downsample = make_shortcut(
            shortcut, in_channels, width * self.expansion, stride, bias=conv_bias, norm=projection_norm
        )
        self.make_body(in_channels, width, stride, conv_bias)

    def make_body(self, in_channels: int, width: int, stride: int, bias: bool) -> None:
        """Make the stacked layers."""
        raise NotImplementedError

    def body(self, x: Tensor) -> Tensor:
        """The stacked layers F(x), up to and without the last ReLU (section 3.1)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        if self.downsample is not None:
            out += self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class BasicBlock(Block):
    """Two 3x3 convolutions (figure 5, left)."""

    def make_body(self, in_channels: int, width: int, stride: int, bias: bool) -> None:
        self.conv1 = convolution(in_channels, width, 3, stride, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)

    def body(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))  # type: ignore[no-any-return]


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolutions, the last with four times the channels (figure 5, right)."""

    expansion = 4

    def make_body(self, in_channels: int, width: int, stride: int, bias: bool) -> None:
        self.conv1 = convolution(in_channels, width, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, width * self.expansion, 1, bias=bias)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)

    def body(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))  # type: ignore[no-any-return]


class ZeroPadShortcut(nn.Module):
    """Shortcut A: subsample by the stride and append zero channels; no parameters (section 3.3)."""

    def __init__(self, added_channels: int, stride: int) -> None:
        super().__init__()
        self.added_channels = added_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added_channels))


def make_shortcut(
    kind: Shortcut, in_channels: int, out_channels: int, stride: int, *, bias: bool = False, norm: bool = True
) -> nn.Module | None:
    """The shortcut of one block, None in a plain network (section 3.3); `bias` and `norm` are those of a projection."""
    if kind == "none":
        return None
    changes_shape = stride != 1 or in_channels != out_channels
    if kind == "C" or (kind == "B" and changes_shape):
        projection = nn.Sequential(convolution(in_channels, out_channels, 1, stride, bias=bias))
        if norm:
            projection.append(nn.BatchNorm2d(out_channels))
        return projection
    return ZeroPadShortcut(out_channels - in_channels, stride) if changes_shape else nn.Identity()


class Network(nn.Module):
    """Stem, stages of blocks (each halves the size and doubles the channels of the one before), pooling, classifier."""

    def __init__(
        self,
        *,
        block: type[Block],
        blocks: tuple[int, ...],
        width: int,
        stem: str,
        shortcut: Shortcut,
        in_channels: int,
        num_classes: int,
        conv_bias: bool,
        projection_norm: bool,
    ) -> None:
        super().__init__()
        if stem == "imagenet":
            self.conv1 = convolution(in_channels, width, 7, 2, bias=conv_bias)
            self.maxpool: nn.Module = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        else:
            self.conv1 = convolution(in_channels, width, 3, bias=conv_bias)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.stages = [f"layer{number}" for number in range(1, len(blocks) + 1)]
        channels = width
        for index, (name, count) in enumerate(zip(self.stages, blocks, strict=True)):
            stage_width = width * 2**index
            stage = nn.Sequential()
            for position in range(count):
                stride = 2 if index > 0 and position == 0 else 1
                stage.append(
                    block(channels, stage_width, stride, shortcut, conv_bias=conv_bias, projection_norm=projection_norm)
                )
                channels = stage_width * block.expansion
            self.add_module(name, stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, bias: bool) -> nn.Conv2d:
    """A convolution that keeps the size (divided by the stride)."""
    return Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=bias)


def _initialise(network: Network) -> None:
    """He initialisation as in torchvision: normal convolutions (fan out), batch norm 1 and 0, default classifier.

    Projections come last, and biases of convolutions start at zero: neither takes from the main path's draws.
    """
    for _, module in sorted(network.named_modules(), key=lambda item: "downsample" in item[0]):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.Linear):
            module.reset_parameters()
