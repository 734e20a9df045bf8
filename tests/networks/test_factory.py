import pytest
import torch
import torchvision
from torch import nn

from plainres.errors import BadInput
from plainres.networks.architecture import FOUR_STAGE
from plainres.networks.blocks import Bottleneck
from plainres.networks.factory import build_network

THREE_STAGE = (20, 32, 44, 56, 110)


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small(variant: str, depth: int, **options: object) -> nn.Module:
    """A narrow network for 32x32 images or less; what's tested on it holds at every width."""
    return build_network(variant, depth, **{"num_classes": 10, "width": 8, "stem": "small", **options})


@pytest.mark.parametrize("variant", ["plain", "residual"])
@pytest.mark.parametrize("depth", [*FOUR_STAGE, *THREE_STAGE, 1202])
def test_depth_counts_the_weighted_layers_on_the_main_path(variant: str, depth: int) -> None:
    layers = [
        name
        for name, module in small(variant, depth, width=1).named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "downsample" not in name
    ]
    assert len(layers) == depth


@pytest.mark.parametrize("variant", ["plain", "residual"])
@pytest.mark.parametrize(
    ("depth", "millions"),
    [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7"), (1202, "19.4")],
)
def test_cifar_nets_have_the_parameter_counts_of_table_6(variant: str, depth: int, millions: str) -> None:
    digits = len(millions.split(".")[1])
    count = parameter_count(build_network(variant, depth, num_classes=10, stem="small"))
    assert f"{count / 1e6:.{digits}f}" == millions


@pytest.mark.parametrize("depth", [*FOUR_STAGE, *THREE_STAGE, 1202])
def test_plain_and_residual_a_have_equally_many_parameters(depth: int) -> None:
    plain, residual = small("plain", depth), small("residual", depth, shortcut="A")
    assert parameter_count(plain) == parameter_count(residual)
    assert plain.state_dict().keys() == residual.state_dict().keys()


@pytest.mark.parametrize("depth", FOUR_STAGE)
def test_residual_nets_are_torchvisions(depth: int) -> None:
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=7).eval()
    ours = build_network("residual", depth, num_classes=7).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("depth", [18, 50, 20])
@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
def test_one_seed_gives_both_variants_the_same_main_path(depth: int, shortcut: str) -> None:
    torch.manual_seed(3)
    plain = small("plain", depth).state_dict()
    torch.manual_seed(3)
    residual = small("residual", depth, shortcut=shortcut).state_dict()
    assert all(torch.equal(weights, residual[name]) for name, weights in plain.items())
    torch.manual_seed(4)
    assert not torch.equal(small("plain", depth).state_dict()["conv1.weight"], plain["conv1.weight"])


@pytest.mark.parametrize("depth", [18, 50, 20])
@pytest.mark.parametrize("shortcut", ["B", "C"])
def test_biases_and_bare_projections_change_nothing_else_on_the_main_path(depth: int, shortcut: str) -> None:
    torch.manual_seed(3)
    plain = small("plain", depth).state_dict()
    torch.manual_seed(3)
    residual = small("residual", depth, shortcut=shortcut, conv_bias=True, projection_norm=False).state_dict()
    assert all(torch.equal(weights, residual[name]) for name, weights in plain.items())
    added = residual.keys() - plain.keys()
    assert {name.split(".")[-2:] == ["0", "weight"] or name.endswith("bias") for name in added} == {True}
    assert not any(residual[name].any() for name in added if name.endswith("bias"))


def test_convolutions_start_with_he_deviation() -> None:
    weights = build_network("plain", 18, num_classes=10).state_dict()["layer3.1.conv1.weight"]
    # He et al. 2015b, eq. 14: variance 2 / (k^2 c).
    assert weights.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("depth", "shortcut", "projections"),
    # Basic 18 changes shape at the start of stages 2 to 4; the bottleneck 50 at the start of every stage.
    [(18, "A", 0), (18, "B", 3), (18, "C", 8), (50, "B", 4), (50, "C", 16), (20, "B", 2)],
)
def test_projections_stand_where_the_paper_puts_them(depth: int, shortcut: str, projections: int) -> None:
    names = small("residual", depth, shortcut=shortcut).state_dict()
    assert sum(name.endswith("downsample.0.weight") for name in names) == projections


@pytest.mark.parametrize(("depth", "like"), [(18, "B"), (20, "A")])
def test_default_shortcuts_are_b_for_four_stages_and_a_for_three(depth: int, like: str) -> None:
    assert str(small("residual", depth)) == str(small("residual", depth, shortcut=like))
    assert str(small("residual", depth)) != str(small("residual", depth, shortcut="C"))


@pytest.mark.parametrize("variant", ["plain", "residual"])
@pytest.mark.parametrize(
    ("depth", "stem", "size", "last"), [(18, "imagenet", 224, 7), (18, "small", 32, 4), (20, "small", 28, 7)]
)
def test_stages_halve_the_size(variant: str, depth: int, stem: str, size: int, last: int) -> None:
    network = small(variant, depth, stem=stem, in_channels=1)
    network.fc = nn.Identity()
    network.avgpool = nn.Identity()
    channels = 64 if depth == 18 else 32
    assert network(torch.randn(1, 1, size, size)).shape == (1, channels * last * last)


@pytest.mark.parametrize(("variant", "depth"), [("plain", 110), ("residual", 110), ("residual", 1202)])
def test_the_deepest_nets_take_a_training_step(variant: str, depth: int) -> None:
    torch.manual_seed(0)
    network = small(variant, depth, width=4)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    before = {name: value.clone() for name, value in network.named_parameters()}
    loss = nn.functional.cross_entropy(network(torch.randn(4, 3, 8, 8)), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert all(value.isfinite().all() for value in network.parameters())
    assert not any(torch.equal(value, before[name]) for name, value in network.named_parameters() if "conv" in name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 19}, "20, 32, 44, 56, 110, 1202"),
        ({"depth": 20, "family": "four-stage"}, "18, 34, 50, 101, 152"),
        ({"depth": 18, "family": "three-stage"}, "6n\\+2"),
        ({"depth": 2}, "depth 2"),
        ({"variant": "dense"}, "plain, residual"),
        ({"stem": "tiny"}, "imagenet, small"),
        ({"shortcut": "D"}, "A, B, C"),
        ({"family": "five-stage"}, "four-stage, three-stage"),
        ({"width": -1}, "width -1 is outside 0 to 4096"),
        ({"conv_biases": True}, "no setting is called 'conv_biases'; is conv_bias meant?"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_choices(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        build_network(**{"variant": "plain", "depth": 18, "num_classes": 10, **options})


def test_50_layers_exist_in_both_families() -> None:
    assert any(isinstance(module, Bottleneck) for module in small("plain", 50).modules())
    assert not any(isinstance(module, Bottleneck) for module in small("plain", 50, family="three-stage").modules())
