"""Blocks, plain and residual alike: the shortcut is what differs.

He et al. 2015, "Deep Residual Learning for Image Recognition"; names of parameters are torchvision's. Strides of
bottleneck blocks stand on the 3x3 convolution, as in torchvision.
"""

from torch import Tensor, nn
from torch.nn.functional import pad

from plainres.networks.layers import Layers, NamedLayers, add_layers


class Block(nn.Module):
    """relu(F(x) + shortcut(x)), or relu(F(x)) in a plain network.

    A pre-activation block is F(x) + shortcut(x), and F begins with norm and ReLU. A projection shares these two: they
    then stand before both (He et al. 2016, appendix).

    Shapes: (N, in_channels, H, W) to (N, width * expansion, H / stride, W / stride).

    Args:
        first: of its network: the stem has activated the input, so pre-activation begins with the convolution.
    """

    expansion = 1
    shared: list[str]  # names of the layers before F and the shortcut
    inner: list[str]  # of F
    last: list[str]  # after the addition
    __jit_unused_properties__ = ("residual",)

    def __init__(self, layers: Layers, in_channels: int, width: int, stride: int, *, first: bool = False) -> None:
        super().__init__()
        kind = layers.architecture.shortcut
        out_channels = width * self.expansion
        changes_shape = stride != 1 or in_channels != out_channels
        projects = kind == "C" or (kind == "B" and changes_shape)
        self.has_shortcut = kind != "none"
        self.shortcut_scale = layers.architecture.shortcut_scale
        self.stride = stride
        self.added_channels = out_channels - in_channels
        self.downsample = layers.projection(in_channels, out_channels, stride) if projects else None

        pre = layers.architecture.block == "pre"
        self.shared, self.inner, self.last = [], [], ([] if pre else ["relu"])
        convolutions = self.convolutions(width, stride)
        for number, (kernel, channels, step) in enumerate(convolutions, start=1):
            ends = number == len(convolutions)
            convolution = layers.convolution(in_channels, channels, kernel, step, in_block=True)
            weighted = {**layers.bias(f"bias{number}a"), f"conv{number}": convolution}
            norm = layers.norm(f"bn{number}", in_channels if pre else channels)
            factor = layers.factor() if ends else {}
            bias = layers.bias(f"bias{number}b")
            relu: NamedLayers = {f"relu{number}": nn.ReLU()} if pre or not ends else {}
            if not pre:
                self._append(self.inner, weighted | norm | factor | bias | relu)
            else:
                if not (first and number == 1):
                    self._append(self.shared if projects and number == 1 else self.inner, norm | bias | relu)
                self._append(self.inner, weighted | factor)
            in_channels = channels
        if not pre:
            self.relu = nn.ReLU()

    def _append(self, names: list[str], layers: NamedLayers) -> None:
        add_layers(self, layers)
        names.extend(layers)

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        """Kernel, channels and stride of each convolution."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        x = self.through(self.shared, x)
        out = self.body(x)
        if self.has_shortcut:
            out = out + self.shortcut(x)
        return self.through(self.last, out)

    def body(self, x: Tensor) -> Tensor:
        """F(x): the stacked layers in their order, up to and without what follows the addition (section 3.1)."""
        return self.through(self.inner, x)

    def shortcut(self, x: Tensor) -> Tensor:
        """What a residual block adds to F(x) (section 3.3): a projection, x, or x subsampled with zero channels."""
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.added_channels > 0:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added_channels))
        return x if self.shortcut_scale == 1 else self.shortcut_scale * x

    def through(self, names: list[str], x: Tensor) -> Tensor:
        """The output of the layers of these names, one after the other."""
        for name, layer in self.named_children():
            if name in names:
                x = layer(x)
        return x

    def layers_of_body(self) -> list[nn.Module]:
        """The layers of F."""
        return [self.get_submodule(name) for name in self.inner]

    @property
    def residual(self) -> nn.Module:
        """The last layer of F: a forward hook there reads F(x), or returns another in its place."""
        return self.layers_of_body()[-1]


class BasicBlock(Block):
    """Two 3x3 convolutions (figure 5, left)."""

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        return (3, width, stride), (3, width, 1)


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolutions, the last with four times the channels (figure 5, right)."""

    expansion = 4

    @staticmethod
    def convolutions(width: int, stride: int) -> tuple[tuple[int, int, int], ...]:
        return (1, width, 1), (3, width, stride), (1, 4 * width, 1)
