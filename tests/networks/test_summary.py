import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from plainres.networks.factory import build_network
from plainres.networks.summary import summarize


def test_resnet_18_in_the_tutorials_form_has_the_tutorials_counts() -> None:
    # Biases under batch norm, none of these on the shortcuts; running statistics counted, as Keras does.
    network = build_network("residual", 18, num_classes=10, in_channels=1, conv_bias=True, projection_norm=False)
    summary = summarize(network, (1, 224, 224))
    assert {row.name: row.parameters for row in summary.stages} == {
        "conv1": 3_200,
        "bn1": 256,
        "maxpool": 0,
        "layer1": 148_736,
        "layer2": 526_976,
        "layer3": 2_102_528,
        "layer4": 8_399_360,
        "avgpool": 0,
        "fc": 5_130,
    }
    total = summary.total
    assert (total.parameters, total.trainable, total.not_trainable) == (11_186_186, 11_178_378, 7_808)
    sides = {row.name: row.output_shape[-1] for row in summary.stages}
    assert [sides[name] for name in ("conv1", "layer1", "layer2", "layer3", "layer4")] == [112, 56, 28, 14, 7]
    assert "11,178,378 trainable, 7,808 not" in str(summary)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_multiply_adds_are_those_that_torchvision_publishes(depth: int) -> None:
    # In billions at 3 x 224 x 224. Table 1 of the paper has 1.8 and 3.6 for 18 and 34 as well; for 50 and more it has
    # fewer, since its bottlenecks stride one convolution earlier.
    weights = getattr(torchvision.models, f"ResNet{depth}_Weights").IMAGENET1K_V1
    summary = summarize(build_network("residual", depth, num_classes=1000), (3, 224, 224))
    assert summary.total.multiply_adds / 1e9 == pytest.approx(weights.meta["_ops"], abs=1e-3)
    assert summary.total.trainable == weights.meta["num_params"]


@pytest.mark.parametrize("options", [{"depth": 20, "stem": "small"}, {"depth": 50, "shortcut": "C", "conv_bias": True}])
@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_multiply_adds_are_half_the_operations_that_torch_counts(variant: str, options: dict[str, object]) -> None:
    network = build_network(variant, num_classes=10, width=8, **options).eval()  # type: ignore[arg-type]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 32, 48))
    assert 2 * summarize(network, (3, 32, 48)).total.multiply_adds == counter.get_total_flops()


def test_the_rows_of_the_layers_add_up_to_their_stage() -> None:
    network = build_network("residual", 20, num_classes=10, stem="small")
    summary = summarize(network, (16, 3, 28, 28))  # a batch size in front is ignored
    for stage in summary.stages:
        layers = [row for row in summary.layers if f"{row.name}.".startswith(f"{stage.name}.")]
        assert stage.multiply_adds == sum(row.multiply_adds for row in layers)
        assert stage.output_shape == layers[-1].output_shape
    weighted = [row for row in summary.layers if "convolution" in row.kind or row.kind == "Linear"]
    assert len(weighted) == 20
    assert summary.total.trainable == sum(parameter.numel() for parameter in network.parameters())
    assert all(row.name in summary.table(layers=True) for row in summary.layers)


def test_the_summary_leaves_the_network_as_it_was() -> None:
    network = build_network("plain", 8, num_classes=10, width=4, stem="small")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    summarize(network, (3, 8, 8))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_1202_layers_are_summed_up_too() -> None:
    network = build_network("residual", 1202, num_classes=10, width=4, stem="small")
    summary = summarize(network, (3, 32, 32))
    assert summary.stages[3].kind == "200 x BasicBlock"
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) + 1 == 1202
