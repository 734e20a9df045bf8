from collections.abc import Callable

import pytest
import torch
from torch import nn

from plainres.errors import BadInput
from plainres.networks.factory import Network
from plainres.probes import PROBES, gradients
from plainres.probes.probe import Batch, probe_called
from plainres.settings import RunConfig
from plainres.training import Trainer, train
from plainres.training.process import settings_of

TIMES = {"images_per_second", "final/seconds"}


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_leaves_the_network_as_it_was(network: Network, batch: Batch, name: str) -> None:
    network.bn1.train()  # a part in a mode of its own
    modes = {part: module.training for part, module in network.named_modules()}
    order = [part for part, _ in network.named_modules()]
    state = {part: tensor.clone() for part, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    first = probe_called(name)(network, batch)
    assert first == probe_called(name)(network, batch)
    assert all(metric.count("/") == 1 for metric in first)
    assert {part: module.training for part, module in network.named_modules()} == modes
    assert [part for part, _ in network.named_modules()] == order
    assert all(torch.equal(tensor, state[part]) for part, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_probes_are_measured_at_initialisation_and_after_each_epoch_and_change_no_training(
    tiny: Callable[..., RunConfig],
) -> None:
    settings = {"epochs": 2, "train_images": 300, "test_images": 100}
    probed = tiny(**settings, probes=["responses", "landscape"])
    for record, alone in zip(train(probed), train(tiny(**settings)), strict=True):
        assert alone.metrics.keys() < record.metrics.keys()
        assert {name.split("/")[0] for name in record.metrics.keys() - alone.metrics.keys()} == {
            "response",
            "block_input",
            "landscape",
        }
        assert all(record.metrics[name] == value for name, value in alone.metrics.items() if name not in TIMES)


def test_initial_values_are_those_of_the_network_before_its_first_step(tiny: Callable[..., RunConfig]) -> None:
    trainer = Trainer(tiny(epochs=1, probes=["responses"]))
    with settings_of(trainer.config):
        expected = probe_called("responses")(trainer.network, trainer.probe_batch)
    first, last = list(trainer)
    assert expected.items() <= first.metrics.items()
    assert not expected.items() <= last.metrics.items()


def test_gradient_norms_on_a_batch_are_those_of_backward(network: Network, batch: Batch) -> None:
    norms = gradients.measure(network, batch)
    nn.functional.cross_entropy(network.train()(batch[0]), batch[1]).backward()  # type: ignore[no-untyped-call]
    weight = network.get_parameter("layer2.0.conv1.weight")
    assert weight.grad is not None
    assert norms["grad_norm/layer2.0.conv1"] == pytest.approx(weight.grad.norm().item())
    together = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert norms["grad_norm/total"] == pytest.approx(together.norm().item(), rel=1e-4)


def test_an_unknown_probe_is_refused(tiny: Callable[..., RunConfig]) -> None:
    with pytest.raises(BadInput, match="unknown probe 'lesions'; choose from gradient_coherence, growth_rate"):
        tiny(probes=["lesions"])


@pytest.mark.parametrize("name", ["gradient_coherence", "responses", "lesion"])
def test_a_network_without_blocks_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"^Sequential has no blocks to measure"):
        probe_called(name)(
            nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), (torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]))
        )


@pytest.mark.parametrize("name", ["gradient_coherence", "growth_rate", "responses", "lesion", "sharpness"])
def test_a_batch_that_batch_norm_cannot_normalise_is_refused(network: Network, batch: Batch, name: str) -> None:
    with pytest.raises(BadInput, match=r"^a batch of 1 is too small to measure: at least 2 images are needed"):
        probe_called(name)(network, (batch[0][:1], batch[1][:1]))
