"""PyTorch's tools read a plain and a residual network as they read torchvision's."""

import copy
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from plainres.networks.factory import build_network
from plainres.networks.network import Network
from plainres.networks.summary import summarize

backpack = pytest.importorskip("backpack")
captum = pytest.importorskip("captum.attr")
curvlinops = pytest.importorskip("curvlinops")
fvcore = pytest.importorskip("fvcore.nn")
ptflops = pytest.importorskip("ptflops")
shap = pytest.importorskip("shap")
thop = pytest.importorskip("thop")
torchinfo = pytest.importorskip("torchinfo")

pytestmark = pytest.mark.filterwarnings("ignore")  # of the tools' own making

# Basic and bottleneck blocks; shortcut B unless said otherwise.
KINDS = [(variant, depth) for variant in ("plain", "residual") for depth in (18, 50)]
UNCOUNTED = (nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d)


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    variant, depth = request.param
    return build_network(variant, depth, num_classes=4, width=8, stem="small").eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def labels() -> Tensor:
    return torch.tensor([0, 1, 2, 3])


def thop_counts(network: nn.Module, size: int) -> tuple[float, float]:
    return thop.profile(copy.deepcopy(network), (torch.zeros(1, 3, size, size),), verbose=False)


def ptflops_counts(network: nn.Module, size: int, backend: str = "pytorch") -> tuple[float, float]:
    return ptflops.get_model_complexity_info(
        copy.deepcopy(network), (3, size, size), as_strings=False, print_per_layer_stat=False, backend=backend
    )


def fvcore_counts(network: nn.Module, size: int) -> dict[str, float]:
    analysis = fvcore.FlopCountAnalysis(network, torch.zeros(1, 3, size, size))
    return dict(analysis.unsupported_ops_warnings(False).by_operator())


def torchinfo_counts(network: nn.Module, size: int) -> tuple[int, int]:
    summary = torchinfo.summary(network, (1, 3, size, size), verbose=0)
    return summary.total_mult_adds, summary.total_params


@pytest.mark.parametrize("depth", [18, 50])
def test_counts_are_those_of_torchvisions_network(depth: int) -> None:
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=10).eval()
    ours = build_network("residual", depth, num_classes=10).eval()
    counts: list[Callable[[nn.Module, int], object]] = [
        thop_counts,
        ptflops_counts,
        lambda network, size: ptflops_counts(network, size, "aten"),
        fvcore_counts,
        torchinfo_counts,
    ]
    for count in counts:
        assert count(ours, 64) == count(theirs, 64)


def test_counts_of_resnet_18_are_those_measured_on_torchvisions() -> None:
    network = build_network("residual", 18, num_classes=10).eval()
    assert thop_counts(network, 64) == (148_864_512, 11_181_642)
    assert ptflops_counts(network, 64) == (148_968_458, 11_181_642)
    assert sum(fvcore_counts(network, 64).values()) == 148_458_496


@pytest.mark.parametrize(
    ("variant", "depth"),
    [*(("residual", depth) for depth in (18, 34, 50, 20, 110)), *(("plain", depth) for depth in (18, 50, 20))],
)
def test_all_count_the_same_multiply_adds_at_every_size(variant: str, depth: int) -> None:
    network = build_network(variant, depth, num_classes=10, width=8, stem="imagenet").eval()
    for size in (224, 64, 32, 8):
        expected = summarize(network, (3, size, size)).total.multiply_adds
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
            copy.deepcopy(network).to("meta")(torch.zeros(1, 3, size, size))
        assert counter.get_total_flops() == 2 * expected
        by_operator = fvcore_counts(network, size)
        assert by_operator["conv"] + by_operator["linear"] == expected

        nothing = dict.fromkeys(UNCOUNTED, lambda module, inputs, output: None)
        multiply_adds, _ = thop.profile(
            copy.deepcopy(network), (torch.zeros(1, 3, size, size),), custom_ops=nothing, verbose=False
        )
        assert multiply_adds == expected
        assert ptflops_counts(network, size, "aten")[0] == expected + 10  # biases of the classifier


def test_deep_lift_explains_the_whole_difference(network: Network, images: Tensor) -> None:
    _, missing = captum.DeepLift(network).attribute(images.clone(), target=1, return_convergence_delta=True)
    torch.testing.assert_close(missing, torch.zeros_like(missing), rtol=0, atol=1e-4)


def test_deep_explainer_explains_the_whole_difference(network: Network, images: Tensor) -> None:
    values = shap.DeepExplainer(network, images[:2]).shap_values(images[2:])
    difference = network(images[2:]) - network(images[:2]).mean(0)
    torch.testing.assert_close(
        torch.tensor(values, dtype=torch.float32).sum((1, 2, 3)), difference.detach(), rtol=1e-3, atol=1e-4
    )


def test_integrated_gradients_come_close_to_the_difference(network: Network, images: Tensor) -> None:
    method = captum.IntegratedGradients(network)
    _, missing = method.attribute(images[:1], target=1, n_steps=200, return_convergence_delta=True)
    difference = (network(images[:1]) - network(torch.zeros_like(images[:1])))[0, 1]
    assert abs(missing.item()) < 0.05 * abs(difference.item()) + 1e-3


def test_grad_cam_and_guided_backpropagation_see_the_layers(network: Network, images: Tensor) -> None:
    map_of_layer = captum.LayerGradCam(network, network.layer2).attribute(images, target=1)
    assert map_of_layer.shape == (4, 1, 4, 4)
    guided = captum.GuidedBackprop(network).attribute(images.clone().requires_grad_(), target=1)
    assert not torch.equal(guided, captum.Saliency(network).attribute(images.clone(), target=1, abs=False))


@pytest.mark.parametrize("depth", [18, 50])
def test_relevance_is_propagated_as_through_torchvisions_network(depth: int) -> None:
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=4).eval()
    ours = build_network("residual", depth, num_classes=4).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 32, 32)
    results = [captum.LRP(network).attribute(images.clone().requires_grad_(), target=1) for network in (ours, theirs)]
    ours_alike, theirs_alike = (result / results[1].abs().max() for result in results)  # relevances of any size
    torch.testing.assert_close(ours_alike, theirs_alike, rtol=0, atol=1e-4)


def test_every_layer_has_a_rule_of_relevance(network: Network, images: Tensor) -> None:
    assert captum.LRP(network).attribute(images.clone().requires_grad_(), target=1).shape == images.shape


def test_convolutions_and_norms_are_fused(network: Network, images: Tensor) -> None:
    fused = fuse(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    torch.testing.assert_close(fused(images), network(images), rtol=1e-3, atol=1e-4)


def test_backpack_finds_the_gradient_of_each_image(network: Network, images: Tensor, labels: Tensor) -> None:
    from backpack.extensions import BatchGrad

    expected = torch.autograd.grad(cross_entropy(network(images), labels), list(network.parameters()))
    extended = backpack.extend(network, use_converter=True)
    loss = backpack.extend(nn.CrossEntropyLoss())(extended(images), labels)
    with backpack.backpack(BatchGrad()):
        loss.backward()
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad_batch.sum(0), gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("variant", "depth"), [("plain", 8), ("residual", 8), ("plain", 50), ("residual", 50)])
def test_forward_and_backward_derivatives_agree(variant: str, depth: int, images: Tensor) -> None:
    torch.manual_seed(0)
    network = build_network(variant, depth, num_classes=4, width=4, stem="small").double().eval()
    x, direction = images.double(), torch.ones_like(images).double()
    _, forward = torch.func.jvp(network, (x,), (direction,))
    x.requires_grad_()
    for logit in range(4):
        (gradient,) = torch.autograd.grad(network(x)[:, logit].sum(), x)
        torch.testing.assert_close((gradient * direction).sum((1, 2, 3)), forward[:, logit])


@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_curvlinops_multiplies_by_the_hessian(variant: str, images: Tensor, labels: Tensor) -> None:
    torch.manual_seed(0)
    network = build_network(variant, 8, num_classes=4, width=2, stem="small").double().eval()
    parameters = list(network.parameters())
    images = images.double()
    hessian = curvlinops.HessianLinearOperator(network, nn.CrossEntropyLoss(), parameters, [(images, labels)])
    vector = torch.randn(hessian.shape[1], dtype=torch.float64)
    gradient = torch.autograd.grad(cross_entropy(network(images), labels), parameters, create_graph=True)
    product = sum((part.flatten() @ piece) for part, piece in zip(gradient, _split(vector, parameters), strict=True))
    expected = torch.cat([part.flatten() for part in torch.autograd.grad(product, parameters)])
    torch.testing.assert_close(hessian @ vector, expected)


def _split(vector: Tensor, parameters: list[nn.Parameter]) -> tuple[Tensor, ...]:
    return vector.split([parameter.numel() for parameter in parameters])
