"""Makes a deeper network that is a shallower one: its added blocks are the identity. He et al. 2015, section 1."""

import torch
from torch import Tensor, nn

from plainres.errors import BadInput
from plainres.networks.blocks import BasicBlock, Block
from plainres.networks.network import Network

CHECKED = 16  # images on which it is looked whether a block is the identity
TOLERANCE = 1e-3  # to which a block's output is its input: whether networks are alike to the bit, their logits tell


class NotFinite(BadInput):
    """Says that the shallow network computes what is no number."""


@torch.no_grad()
def construct(deep: Network, shallow: Network, images: Tensor) -> None:
    """Give a deep network the weights of a shallow one, and make the blocks that it has more the identity.

    In evaluation mode both then give the same logits, on the CPU to the bit. With a shortcut F(x) = 0 does it: the
    scale of its last batch norm is 0. Without one the convolutions are the identity, which passes the ReLU since
    x >= 0, and batch norm whose scale is the deviation and whose bias the mean that it normalises by. These are those
    of the images, so that in training mode, too, where a batch's own take their place, the block starts close by.

    Args:
        deep: is changed; of the shallow one's variant and width, with as many blocks or more in each stage.
        shallow: trained.
        images: normalised, (N, C, H, W), of which the added batch norms get their statistics.

    Raises:
        BadInput: the deep network has other layers, or blocks that can't be the identity; NotFinite where the shallow
            one diverged.
    """
    weights, own = shallow.state_dict(), deep.state_dict()
    known, blocks = dict(shallow.blocks()), dict(deep.blocks())
    if any(name not in own or own[name].shape != value.shape for name, value in weights.items()) or any(
        _shortcut(block) != _shortcut(blocks[name]) for name, block in known.items()
    ):
        raise BadInput("a network can only be constructed from a shallower one of the same variant, width and blocks")
    deep.load_state_dict(weights, strict=False)
    deep.eval()
    for name in [name for name in blocks if name not in known]:
        block = blocks[name]
        x = _input_of(block, deep, images[:CHECKED] if block.has_shortcut else images)
        if not x.isfinite().all():
            raise NotFinite("a network that has diverged can't be constructed from")
        if block.has_shortcut and block.downsample is None:
            _silence(block)
        elif not block.has_shortcut and isinstance(block, BasicBlock) and isinstance(block.relu, nn.ReLU):
            _pass_on(block, x)
        x = x[:CHECKED]
        if not torch.allclose(block(x), x, rtol=TOLERANCE, atol=TOLERANCE * float(x.abs().max())):
            raise BadInput(
                f"block {name} can't be made the identity: that takes batch norm, and an identity shortcut (A or B, of "
                "scale 1) or a plain block of one width (basic, no bottleneck, ReLU last, its weights alone)"
            )


def _shortcut(block: Block) -> tuple[bool, bool]:
    return block.has_shortcut, block.downsample is None


def _silence(block: Block) -> None:
    """Make F(x) = 0 by its last batch norm; without one it is 0 where Fixup has begun it so."""
    for last in [module for module in block.children() if isinstance(module, nn.BatchNorm2d)][-1:]:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


def _pass_on(block: Block, x: Tensor) -> None:
    """Make F(x) = x for x like these, of at least 0."""
    for module in block.children():
        if isinstance(module, nn.Conv2d):
            nn.init.dirac_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            variance, scale = _cancelling(x.var((0, 2, 3)), module.eps)
            module.running_var, module.running_mean = variance, x.mean((0, 2, 3))
            module.weight.copy_(scale)
            module.bias.copy_(module.running_mean)


def _cancelling(variance: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Variances next to these, and the scales that batch norm cancels to exactly 1 in evaluation mode.

    The rounded deviation times its rounded inverse is often one unit in the last place off, for its neighbours not.
    """
    variance = variance.clone()
    while True:
        deviation = (variance + eps).sqrt()
        candidates = [
            deviation,
            *(deviation.nextafter(torch.full_like(deviation, limit)) for limit in (0.0, torch.inf)),
        ]
        scales = torch.stack(candidates)
        exact = torch.stack([_normalised_one(variance, scale, eps) == 1 for scale in scales])
        found = exact.any(0)
        if found.all():
            return variance, scales.gather(0, exact.int().argmax(0)[None])[0]
        variance = torch.where(found, variance, variance.nextafter(torch.full_like(variance, torch.inf)))


def _normalised_one(variance: Tensor, scale: Tensor, eps: float) -> Tensor:
    """What batch norm of these statistics and scale, mean and bias 0, makes of ones, (channels,)."""
    ones = torch.ones_like(variance)[None]
    return nn.functional.batch_norm(ones, torch.zeros_like(variance), variance, scale, eps=eps)[0]


def _input_of(block: Block, network: Network, images: Tensor) -> Tensor:
    """What a block is given for these images, in the network's mode."""

    def stop(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raise _Reached(inputs[0])

    with block.register_forward_pre_hook(stop):
        try:
            network(images)
        except _Reached as reached:
            return reached.x
    raise AssertionError("a block of another network")


class _Reached(Exception):
    def __init__(self, x: Tensor) -> None:
        self.x = x
