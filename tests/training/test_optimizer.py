from collections.abc import Sequence
from statistics import geometric_mean

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from plainres.errors import BadInput
from plainres.networks.factory import build_network, network_for
from plainres.sweeps.configure import configure
from plainres.training import Trainer
from plainres.training.adjustment import Adjustment, even_out
from plainres.training.lars import Lars
from plainres.training.muon import Muon
from plainres.training.optimizer import learning_rate_factor, optimizer_for


@pytest.fixture(autouse=True)
def draws() -> None:
    torch.manual_seed(0)


def test_cosine_is_torchs() -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        assert learning_rate_factor("cosine", step, 50, 0) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_step_divides_by_ten_at_32k_and_48k_of_64k_as_in_section_4_2() -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = MultiStepLR(optimizer, milestones=[32, 48], gamma=0.1)
    for step in range(64):
        assert learning_rate_factor("step", 1000 * step, 64_000, 0) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert learning_rate_factor("step", 31_999, 64_000, 0) == 1
    assert learning_rate_factor("step", 47_999, 64_000, 0) == pytest.approx(0.1)


def test_constant_stays() -> None:
    assert {learning_rate_factor("constant", step, 9, 0) for step in range(9)} == {1.0}


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_warm_up_rises_linearly_to_where_the_schedule_starts(schedule: str) -> None:
    factors = [learning_rate_factor(schedule, step, 20, 4) for step in range(20)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert max(factors) == 1


def small() -> torch.nn.Module:
    return build_network("residual", 8, num_classes=10, in_channels=1, width=4, stem="small", family="three-stage")


def with_gradients(network: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(1)
    for each in network.parameters():
        each.grad = torch.randn(each.shape, generator=generator)
    return network


def take(
    optimizers: Sequence[torch.optim.Optimizer], weights: Sequence[torch.nn.Parameter], slopes: list[torch.Tensor]
) -> None:
    """Have each optimizer take the same steps with weights of its own."""
    for slope in slopes:
        for own, optimizer in zip(weights, optimizers, strict=True):
            own.grad = slope.clone()
            optimizer.step()


@pytest.mark.parametrize(("shape", "wide"), [((6, 3), False), ((3, 6), True)])
def test_muon_is_torchs_for_a_matrix(shape: tuple[int, int], wide: bool) -> None:
    start, slopes = torch.randn(shape), [torch.randn(shape) for _ in range(3)]
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    optimizers = Muon([ours], **settings), torch.optim.Muon([theirs], **settings, adjust_lr_fn="match_rms_adamw")
    take(optimizers, (ours, theirs), slopes)
    assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_muon_trains_a_kernel_as_its_matrix_and_what_is_no_matrix_as_adamw_does() -> None:
    kernel, slope = torch.randn(4, 2, 3, 3), torch.randn(4, 2, 3, 3)
    flat = torch.nn.Parameter(kernel.flatten(1).clone())
    whole = torch.nn.Parameter(kernel.clone())
    for weights in (flat, whole):
        weights.grad = slope.view(weights.shape).clone()
        Muon([weights], lr=0.1).step()
    assert torch.equal(whole.flatten(1), flat)

    start, slopes = torch.randn(5), [torch.randn(5) for _ in range(4)]
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        Muon([ours], lr=0.1, momentum=0.9, weight_decay=0.01),
        torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.999), weight_decay=0.01),
    )
    take(optimizers, (ours, theirs), slopes)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_lars_takes_the_step_that_algorithm_1_gives_by_hand() -> None:
    weights = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))  # of norm 5
    bias = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = Lars([weights, bias], lr=10.0, momentum=0.5, weight_decay=0.1)
    weights.grad, bias.grad = torch.tensor([[0.0, 2.0]]), torch.tensor([0.01])
    optimizer.step()
    # local rate 0.001 * 5 / (2 + 0.1 * 5) = 0.002; update 10 * 0.002 * (g + 0.1 w) = 0.02 * (0.3, 2.4)
    assert weights.tolist()[0] == pytest.approx([3 - 0.006, 4 - 0.048], abs=1e-6)
    assert bias.item() == pytest.approx(1 - 10 * (0.01 + 0.1 * 1), abs=1e-6)
    first = torch.tensor([[0.006, 0.048]])
    before = weights.detach().clone()
    weights.grad = torch.zeros(1, 2)  # a gradient of zero has no local rate: plain SGD of the weight decay
    optimizer.step()
    assert torch.allclose(before - weights, 0.5 * first + 10 * 0.1 * before, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [("sgd", SGD), ("adamw", torch.optim.AdamW), ("lars", Lars), ("muon", Muon)])
def test_each_name_stands_for_its_optimizer_and_learns(name: str, kind: type) -> None:
    rates = {"sgd": 0.05, "adamw": 0.01, "lars": 5.0, "muon": 0.02}
    config = configure(
        "residual", 8, width=8, epochs=3, batch_size=32, train_images=600, test_images=100,
        device="cpu", optimizer=name, lr=rates[name],
    )  # fmt: skip
    trainer = Trainer(config)
    *_, last = trainer
    assert isinstance(trainer.optimizer, kind)
    assert last.metrics["final/train_error"] < 0.5


def test_adamw_may_be_captured_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch refuses the capture of a step of one that doesn't say so (torch/optim/adam.py).
    monkeypatch.setattr("plainres.training.optimizer.in_place", lambda rate, _: rate)  # no GPU need be here to hold it
    config = configure("residual", 8, width=8, optimizer="adamw", device="cuda", precision="fp32", elsewhere=True)
    (group,) = optimizer_for(config, torch.nn.Linear(2, 2)).param_groups
    assert group["capturable"]


def test_fixups_biases_and_scales_have_a_tenth_of_the_rate() -> None:
    config = configure("residual", 8, width=8, norm="none", param_groups="paper", lr=0.1, device="cpu")
    network = network_for(config, in_channels=1, num_classes=10)
    optimizer = optimizer_for(config, network)
    rate_of = {id(each): group["lr"] for group in optimizer.param_groups for each in group["params"]}
    rates = {name: rate_of[id(each)] for name, each in network.named_parameters()}
    assert len(rates) == len(list(network.parameters()))
    assert {name for name, rate in rates.items() if rate == pytest.approx(0.01)} == {
        name for name in rates if name.endswith((".bias", "scale.factor"))
    }
    assert rates["conv1.weight"] == rates["fc.weight"] == 0.1


def test_beside_weights_dirac_what_has_one_dimension_has_no_weight_decay() -> None:
    config = configure("plain", 8, width=8, weights="dirac", param_groups="paper", device="cpu")
    network = network_for(config, in_channels=1, num_classes=10)
    decay_of = {
        id(e): group["weight_decay"] for group in optimizer_for(config, network).param_groups for e in group["params"]
    }
    for each in network.parameters():
        assert decay_of[id(each)] == (0.0 if each.dim() == 1 else 1e-4)


def test_muon_leaves_the_classifier_to_adamw_beside_the_groups_of_a_paper() -> None:
    config = configure("plain", 8, width=8, weights="dirac", param_groups="paper", optimizer="muon", device="cpu")
    network = network_for(config, in_channels=1, num_classes=10)
    groups = {
        id(parameter): (group["matrices"], group["weight_decay"])
        for group in optimizer_for(config, network).param_groups
        for parameter in group["params"]
    }
    for name, each in network.named_parameters():
        assert groups[id(each)] == (not name.startswith("fc."), 0.0 if each.dim() == 1 else 1e-4), name


def test_evening_gradients_whose_size_decides_nothing_is_refused() -> None:
    for optimizer in ("adamw", "lars", "muon"):
        with pytest.raises(BadInput, match=f"equal_updates: {optimizer} makes of a gradient"):
            configure("plain", 8, optimizer=optimizer, equal_updates=2)


def test_by_default_all_parameters_are_one_group_in_their_order() -> None:
    config = configure("residual", 8, width=8, norm="none", device="cpu")
    network = network_for(config, in_channels=1, num_classes=10)
    (group,) = optimizer_for(config, network).param_groups
    assert [id(each) for each in group["params"]] == [id(each) for each in network.parameters()]


def test_groups_that_no_method_has_are_refused() -> None:
    with pytest.raises(BadInput, match="param_groups paper: only Fixup"):
        configure("residual", 8, param_groups="paper")


def test_evened_gradients_have_one_ratio_to_their_weights_and_the_geometric_mean_stays() -> None:
    network = with_gradients(small())
    weights = [each for each in network.parameters() if each.dim() > 1]
    dead = weights[1]
    dead.grad = torch.zeros_like(dead)

    def ratios() -> list[float]:
        return [float(each.grad.norm() / each.detach().norm()) for each in weights if each is not dead]

    before = ratios()
    even_out(weights, torch.tensor(True))
    after = ratios()
    assert max(before) > 1.5 * min(before)
    assert after == pytest.approx([geometric_mean(before)] * len(before), rel=1e-5)
    assert not dead.grad.any()
    even_out(weights, torch.tensor(False))
    assert ratios() == pytest.approx(after)


def test_updates_are_even_for_as_many_epochs_as_asked_and_gradients_are_clipped_to_their_norm() -> None:
    network = with_gradients(small())
    adjust = Adjustment(network, configure("residual", 8, epochs=4, equal_updates=2, clip=0.5, device="cpu"))
    active = []
    for epoch in range(1, 5):
        adjust.begin(epoch)
        active.append(bool(adjust.evens))
    assert active == [True, True, False, False]
    adjust()
    norm = torch.stack([each.grad.norm() for each in network.parameters()]).norm()
    assert float(norm) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize(("name", "evened"), [("sgd", 2), ("adamw", 0), ("lars", 0), ("muon", 0)])
def test_a_run_goes_on_to_the_bit_with_any_optimizer(name: str, evened: int) -> None:
    config = configure(
        "residual", 8, width=8, epochs=3, batch_size=32, train_images=200, test_images=100, device="cpu",
        optimizer=name, equal_updates=evened, clip=1.0, lr=0.01,
    )  # fmt: skip
    whole, first, second = Trainer(config), Trainer(config), Trainer(config)
    *_, last = whole
    records = iter(first)
    for _ in range(2):  # epochs 0 and 1
        next(records)
    second.load_state_dict(first.state_dict())
    *_, again = second
    kept = {name: value for name, value in last.metrics.items() if "second" not in name}
    assert {name: value for name, value in again.metrics.items() if "second" not in name} == kept
