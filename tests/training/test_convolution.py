import pytest
import torch
from torch import nn

from plainres.training.convolution import Conv2d

SMALL = [(3, 8, side) for side in [(1, 1), (2, 2), (2, 1), (1, 2), (3, 2)]]
POINTWISE = [(1, 8, side) for side in [(1, 1), (4, 3), (8, 8), (7, 5), (9, 2)]] + [(1, 1024, (4, 4)), (1, 1024, (8, 5))]


@pytest.mark.parametrize(("kernel", "channels", "size"), SMALL + POINTWISE)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_small_images_give_what_torch_gives(
    kernel: int, channels: int, size: tuple[int, int], stride: int, bias: bool
) -> None:
    torch.manual_seed(0)
    ours = Conv2d(channels, 16, kernel, stride, padding=kernel // 2, bias=bias).double()
    theirs = nn.Conv2d(channels, 16, kernel, stride, padding=kernel // 2, bias=bias).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(5, channels, *size, dtype=torch.float64)
    results = []
    for convolution in (ours, theirs):
        images = x.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
        out = convolution(images)
        (out**2).sum().backward()
        assert out.is_contiguous(memory_format=torch.channels_last)
        gradients = [parameter.grad for parameter in convolution.parameters()]
        results.append([out, images.grad, *gradients])
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2}, {"padding": 0}, {"padding": 2}])
@pytest.mark.parametrize("kernel", [1, 3])
def test_other_convolutions_of_small_images_are_torchs(kernel: int, options: dict[str, int]) -> None:
    torch.manual_seed(0)
    ours = Conv2d(4, 4, kernel, **{"padding": kernel // 2, **options})
    x = torch.randn(2, 4, 2 + kernel // 3 * options.get("dilation", 1), 2 + kernel)
    theirs = nn.Conv2d.forward(ours, x)
    torch.testing.assert_close(ours(x), theirs)


def test_second_derivatives_are_right() -> None:
    torch.manual_seed(0)
    convolution = Conv2d(2, 3, 3, padding=1, bias=False).double()
    x = torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(convolution, {"weight": weight}, (x,))

    weight = convolution.weight.detach().requires_grad_()
    assert torch.autograd.gradcheck(run, (x, weight))
    assert torch.autograd.gradgradcheck(run, (x, weight))


def test_gradients_of_single_images_are_those_of_torch_func() -> None:
    torch.manual_seed(0)
    convolution = Conv2d(2, 3, 3, padding=1, bias=False).double()
    x = torch.randn(4, 2, 2, 2, dtype=torch.float64)

    def loss(weight: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return (torch.func.functional_call(convolution, {"weight": weight}, (image[None],)) ** 2).sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(convolution.weight.detach(), x)
    for image, gradient in zip(x, each, strict=True):
        (expected,) = torch.autograd.grad(loss(convolution.weight, image), convolution.weight)
        torch.testing.assert_close(gradient, expected)
