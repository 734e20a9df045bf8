import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from plainres.networks.factory import build_network
from plainres.networks.network import Network
from plainres.networks.summary import summarize

KINDS = [(variant, depth) for variant in ("plain", "residual") for depth in (18, 50, 20)]  # 50 has bottlenecks


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    variant, depth = request.param
    return build_network(variant, depth, num_classes=5, width=8, stem="small").eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_layers_are_torchs_own_and_nothing_is_in_place(network: Network) -> None:
    for module in network.modules():
        if not list(module.children()):
            assert type(module) is getattr(nn, type(module).__name__)
            assert not getattr(module, "inplace", False)


def test_each_layer_is_used_once(network: Network, images: Tensor) -> None:
    calls: list[nn.Module] = []
    for module in network.modules():
        module.register_forward_hook(lambda module, *_: calls.append(module))
    network(images)
    assert len(calls) == len(set(calls)) == len(list(network.modules()))


def test_blocks_come_in_order_with_names_that_find_them(network: Network) -> None:
    blocks = list(network.blocks())
    assert [name for name, _ in blocks[:2]] == ["layer1.0", "layer1.1"]
    assert len(blocks) == {18: 8, 50: 16, 20: 9}[sum("conv" in name for name, _ in network.named_modules()) + 1]
    assert all(network.get_submodule(name) is block for name, block in blocks)


def test_hooks_read_what_a_block_adds_to_its_shortcut(network: Network, images: Tensor) -> None:
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        return lambda _, inputs, output: seen.update({f"{name} in": inputs[0], name: output})

    for name, block in network.blocks():
        block.register_forward_hook(keep(name))
        block.residual.register_forward_hook(keep(f"{name} F"))
        (block.bn3 if hasattr(block, "bn3") else block.bn2).register_forward_hook(keep(f"{name} norm"))
    network(images)
    for name, block in network.blocks():
        x, body = seen[f"{name} in"], seen[f"{name} F"]
        assert torch.equal(body, seen[f"{name} norm"])
        assert torch.equal(body, block.body(x))
        assert (body < 0).any()  # neither rectified nor added to
        out = body + block.shortcut(x) if block.has_shortcut else body
        assert torch.equal(seen[name], torch.relu(out))


def test_a_hook_that_returns_zeros_removes_a_residual_function() -> None:
    network = build_network("residual", 18, num_classes=5, width=8, stem="small").eval()
    block = network.get_submodule("layer1.1")
    block.residual.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
    x = torch.randn(2, 8, 4, 4).relu()
    assert torch.equal(block(x), x)


def test_gradients_of_every_layer_can_be_hooked(network: Network, images: Tensor) -> None:
    names: list[str] = []
    for name, module in network.named_modules():
        module.register_full_backward_hook(lambda *_, name=name: names.append(name))
    network(images.requires_grad_()).sum().backward()
    assert len(set(names)) == len(list(network.modules()))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torch_traces_scripts_and_exports_what_it_computes(network: Network, images: Tensor) -> None:
    images = images.detach()
    expected = network(images)
    copies = [torch.fx.symbolic_trace(network), torch.jit.script(network)]
    dynamic = {0: torch.export.Dim("images", min=1, max=64)}
    copies.append(torch.export.export(network, (images,), dynamic_shapes=(dynamic,)).module())
    assert all(torch.equal(copied(images), expected) for copied in copies)


def test_features_of_a_stage_can_be_extracted(network: Network, images: Tensor) -> None:
    features = create_feature_extractor(network, {"layer1": "first", "layer2": "second"})(images)
    stem = network.relu(network.bn1(network.conv1(images)))
    assert torch.equal(features["first"], network.layer1(stem))
    assert torch.equal(features["second"], network.layer2(features["first"]))


@pytest.mark.parametrize("depth", [18, 50])
def test_hooks_at_a_layers_name_see_what_torchvisions_see(depth: int) -> None:
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=7).eval()
    ours = build_network("residual", depth, num_classes=7).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 64, 64)
    names = [name for name, _ in theirs.named_modules() if name and not name.endswith(("relu", "bn2", "bn3"))]
    seen: list[dict[str, Tensor]] = [{}, {}]
    for network, outputs in zip((ours, theirs), seen, strict=True):
        for name in names:
            module = network.get_submodule(name)
            module.register_forward_hook(
                lambda _, __, out, name=name, outputs=outputs: outputs.update({name: out.clone()})
            )
        network(images)
    assert all(torch.equal(seen[0][name], seen[1][name]) for name in names)


ARMS = [
    {"weights": "dirac"},
    {"downsampling": "pool"},
    {"downsampling": "pool", "block": "pre", "norm": "none"},
    {"shortcut_scale": 0.5},
    {"block": "pre"},
    {"block": "pre", "norm": "none"},
    {"block": "before", "residual_gate": True},
    {"residual_gate": True},
    {"norm": "none"},
    {"norm": "none", "residual_gate": True},
    {"norm": "group"},
    {"norm": "layer", "block": "pre"},
    {"branch_scale": 0.5, "branch_power": 0.5},
    {"activation": "leaky"},
    {"activation": "tanh", "norm": "none", "residual_gate": True},
]


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("options", ARMS, ids=str)
@pytest.mark.parametrize("depth", [8, 50])
def test_every_arm_can_be_traced_scripted_and_read(depth: int, options: dict[str, object], images: Tensor) -> None:
    torch.manual_seed(0)
    network = build_network("residual", depth, num_classes=5, width=8, stem="small", **options).eval()
    for parameter in network.parameters():
        parameter.data += 0.01  # away from gates and classifiers at zero
    copies = [torch.fx.symbolic_trace(copy.deepcopy(network)), torch.jit.script(network)]
    outputs: list[Tensor] = []
    for _, block in network.blocks():
        block.residual.register_forward_hook(lambda _, __, output: outputs.append(output))
    expected = network(images)
    assert len(outputs) == len(list(network.blocks()))
    assert all(torch.equal(copied(images), expected) for copied in copies)
    layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules())
    assert layers - sum("downsample.0" in name for name, _ in network.named_modules()) == depth
    assert summarize(network, (3, 16, 16)).total.trainable == sum(map(Tensor.numel, network.parameters()))


def test_pre_activation_begins_in_the_stem_and_ends_after_the_stages() -> None:
    # He et al. 2016, appendix: "the first and the last Residual Units".
    network = build_network("residual", 20, num_classes=5, stem="small", block="pre").eval()
    images = torch.randn(2, 3, 8, 8)
    names = [name for name, _ in network.named_children()]
    assert names[:3] == ["conv1", "bn1", "relu"]
    assert names[-4:] == ["last_bn", "last_relu", "avgpool", "fc"]
    assert [name for name, _ in network.layer1[0].named_children()] == ["conv1", "bn2", "relu2", "conv2"]
    x = network.layer3(network.layer2(network.layer1(torch.relu(network.bn1(network.conv1(images))))))
    assert torch.equal(network(images), network.fc(torch.relu(network.last_bn(x)).mean((2, 3))))


@pytest.mark.parametrize("depth", [18, 20])
def test_plain_networks_with_dirac_weights_and_pools_are_the_authors_diracnets(depth: int) -> None:
    # Zagoruyko & Komodakis 2017, and szagoruyko/diracnets, diracnet.py, `define_diracnet`: a ReLU before each
    # convolution, all of stride 1, batch norm after it, 2x2 max-pools between groups and a ReLU before the last pool.
    torch.manual_seed(0)
    network = build_network(
        "plain", depth, num_classes=5, width=8, stem="small", weights="dirac", downsampling="pool"
    ).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value += 0.1 * torch.rand(value.shape)
    images = torch.randn(2, 3, 16, 16)
    x = network.bn1(network.conv1(images))
    for number, stage in enumerate(each for each in network.children() if isinstance(each, nn.Sequential)):
        x = nn.functional.max_pool2d(x, 2) if number else x
        for block in stage:
            for conv, norm in ((block.conv1, block.bn1), (block.conv2, block.bn2)):
                delta = nn.init.dirac_(torch.empty_like(conv.weight))
                direction = nn.functional.normalize(conv.weight.flatten(1)).view_as(delta)
                kernel = conv.a.view(-1, 1, 1, 1) * delta + conv.b.view(-1, 1, 1, 1) * direction
                x = norm(nn.functional.conv2d(x.relu(), kernel, padding=1))
    torch.testing.assert_close(network(images), network.fc(x.relu().mean((2, 3))))


@pytest.mark.parametrize("side", [7, 8])
def test_pools_between_stages_leave_the_sizes_that_strides_do(side: int) -> None:
    rows = [
        {row.name: row.output_shape for row in summarize(network, (3, side, side)).stages}
        for network in (
            build_network("residual", 18, num_classes=5, width=8, stem="small", downsampling=kind)
            for kind in ("stride", "pool")
        )
    ]
    assert {name: shape for name, shape in rows[1].items() if not name.startswith("pool")} == rows[0]
    assert [rows[1][f"pool{stage}"][1:] for stage in (2, 3, 4)] == [(4, 4), (2, 2), (1, 1)]
