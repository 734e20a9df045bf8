"""A convolution that doesn't slow down on images of a pixel or two, which the last stages see of small images."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

SMALL = 2  # pixels a side up to which a matrix product gives the weights' gradient sooner: at 4 it's as fast


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, sooner on the CPU where a 3x3 kernel sees images of 1 or 2 pixels a side.

    oneDNN takes ten times as long there for the gradient of the weights as for the convolution. The same sums are made
    in another order, so results agree but for rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        small = x.device.type == "cpu" and max(x.shape[2:]) <= SMALL
        usual = self.kernel_size == (3, 3) and self.padding == self.dilation == (1, 1) and self.groups == 1
        if not (small and usual):
            return super().forward(x)
        if x.shape[2:] == (1, 1):  # the kernel's centre sees the pixel, and the rest of it only padding
            return conv2d(x, self.weight[:, :, 1:2, 1:2], self.bias)
        out: Tensor = _SmallConvolution.apply(x, self.weight, self.stride)
        return out if self.bias is None else out + self.bias[:, None, None]


class _SmallConvolution(torch.autograd.Function):
    """A 3x3 convolution with one pixel of padding; the gradient of its weights is one matrix product."""

    generate_vmap_rule = True  # for torch.func

    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
        return conv2d(x, weight, None, stride, padding=1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, weight, ctx.stride = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        x_gradient, _, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, ctx.stride, (1, 1), (1, 1), False, (0, 0), 1, (True, False, False)
        )
        windows = pad(x, (1, 1, 1, 1)).unfold(2, 3, ctx.stride[0]).unfold(3, 3, ctx.stride[1])  # N, C, H, W, 3, 3
        windows = windows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(0, 2)
        weight_gradient = gradient.permute(0, 2, 3, 1).flatten(0, 2).T @ windows
        return x_gradient, weight_gradient.view(len(weight), 3, 3, -1).permute(0, 3, 1, 2), None
