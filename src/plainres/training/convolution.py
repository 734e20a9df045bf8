"""Makes convolutions as fast on the small images of a network's last stages as they are on large ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# Pixels a side up to which a matrix product is sooner than oneDNN's convolution, on one thread and on two.
DENSE = 2  # of a 3x3 kernel: every output pixel sees every input pixel
POINTWISE = 4  # of what a 1x1 kernel gives
POINTWISE_FEW = 8  # of what it is given, where it has few weights
FEW = 64 * 64


class Conv2d(nn.Conv2d):
    """Computes what `torch.nn.Conv2d` does, on the CPU as a matrix product where images are small.

    The same products are summed in another order, so results agree but for rounding. Sooner on images in
    channels-last format.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and self.dilation == (1, 1) and self.groups == 1:
            side = max(x.shape[2:])
            most = POINTWISE_FEW if self.weight.numel() <= FEW else POINTWISE * self.stride[0]
            if self.kernel_size == (1, 1) and self.padding == (0, 0) and side <= most:
                return pointwise(x, self.weight, self.bias, self.stride)
            if self.kernel_size == (3, 3) and self.padding == (1, 1) and side <= DENSE:
                return dense(x, self.weight, self.bias, self.stride)
        return super().forward(x)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...]) -> Tensor:
    """Compute a 1x1 convolution without padding: (N, C, H, W) and (D, C, 1, 1) to (N, D, H / stride, W / stride)."""
    pixels = x[:, :, :: stride[0], :: stride[1]].permute(0, 2, 3, 1)
    return linear(pixels, weight.flatten(1), bias).permute(0, 3, 1, 2)


def dense(x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...]) -> Tensor:
    """Compute a 3x3 convolution, one pixel of padding, of at most 2 x 2 pixels: shapes as `torch.nn.functional.conv2d`.

    Its matrix holds, for each output and each input pixel, the part of the kernel between them.
    """
    images, _, height, width = x.shape
    rows, columns = range(0, height, stride[0]), range(0, width, stride[1])
    between = [
        3 * (1 + down - row) + (1 + across - column)
        for row in rows
        for column in columns
        for down in range(height)
        for across in range(width)
    ]
    kernel = weight.permute(0, 2, 3, 1).flatten(1, 2)  # D, 9, C
    parts = kernel.index_select(1, torch.tensor(between, device=x.device))
    matrix = parts.view(len(weight) * len(rows) * len(columns), -1)  # of the output's by the input's values
    out = linear(x.permute(0, 2, 3, 1).flatten(1), matrix).view(images, -1, len(rows), len(columns))
    out = out if bias is None else out + bias[:, None, None]
    return out.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # channels last, also under torch.func.vmap
