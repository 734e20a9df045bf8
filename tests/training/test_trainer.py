import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from plainres.data import load_dataset
from plainres.probes.gradients import GradientNorms
from plainres.settings import RunConfig
from plainres.training import EpochRecord, Trainer, train
from plainres.training.step import Graphed
from tests.training.taped import Taped


def comparable(records: list[EpochRecord]) -> list[dict[str, float]]:
    """The metrics that don't measure time."""
    return [
        {name: value for name, value in record.metrics.items() if name not in ("images_per_second", "final/seconds")}
        for record in records
    ]


@pytest.fixture(scope="module")
def trained(tiny: Callable[..., RunConfig]) -> tuple[Trainer, list[EpochRecord]]:
    trainer = Trainer(tiny("residual", depth=8, shortcut="B"))
    return trainer, list(trainer)


def test_records_hold_what_the_contract_names(trained: tuple[Trainer, list[EpochRecord]]) -> None:
    trainer, records = trained
    layers = [name for name, module in trainer.network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert "layer2.0.downsample.0" in layers
    norms = {f"grad_norm/{layer}" for layer in ["total", *layers]}
    each = {f"{what}/{split}" for what in ("loss", "accuracy") for split in ("train", "validation")}
    each |= {"learning_rate", "images_per_second", *norms}
    final = {f"final/{split}_{what}" for split in ("train", "test") for what in ("loss", "error")}
    assert [record.epoch for record in records] == [0, 1, 2]
    assert set(records[0].metrics) == norms | {f"initial_{norm}" for norm in norms}
    assert set(records[1].metrics) == each
    assert set(records[2].metrics) == each | final | {"final/seconds"}


def test_final_metrics_are_over_whole_splits_in_evaluation_mode(trained: tuple[Trainer, list[EpochRecord]]) -> None:
    trainer, records = trained
    digits = load_dataset("digits")
    pixels = digits.train.images.float()
    network = trainer.network.eval()
    for name, split in (("train", digits.train), ("test", digits.test)):
        with torch.no_grad():
            logits = network((split.images.float() - pixels.mean()) / pixels.std())
        wrong = (logits.argmax(1) != split.labels).sum().item() / len(split)
        assert records[-1].metrics[f"final/{name}_error"] == pytest.approx(wrong, abs=1e-9)
        loss = cross_entropy(logits, split.labels).item()
        assert records[-1].metrics[f"final/{name}_loss"] == pytest.approx(loss, rel=1e-3)


def test_step_0_holds_the_gradient_norms_of_the_first_backward_pass(tiny: Callable[..., RunConfig]) -> None:
    config = tiny(epochs=1, batch_size=32)
    trainer = Trainer(config)
    split = load_dataset("digits").train
    chosen = torch.randperm(len(split), generator=torch.Generator().manual_seed(config.seed))[:32]
    images = trainer.normalise(split.images[chosen])
    parameters = dict(trainer.network.named_parameters())
    loss = cross_entropy(trainer.network.train()(images), split.labels[chosen])
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))

    norms = next(iter(Trainer(config))).metrics
    assert norms["grad_norm/layer2.0.conv1"] == pytest.approx(gradients["layer2.0.conv1.weight"].norm().item())
    assert norms["grad_norm/fc"] == pytest.approx(gradients["fc.weight"].norm().item())
    total = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm().item()
    assert norms["grad_norm/total"] == pytest.approx(total)
    assert norms["initial_grad_norm/fc"] == norms["grad_norm/fc"]


def test_an_epochs_gradient_norms_are_means_over_its_steps(tiny: Callable[..., RunConfig]) -> None:
    config = tiny(epochs=1, batch_size=256)
    trainer = Trainer(config)
    norms = trainer.training_step.probe
    measured = []
    measure = norms.measure
    norms.measure = lambda: measured.append(measure()) or measured[-1]  # type: ignore[method-assign,func-returns-value]
    metrics = list(trainer)[1].metrics
    assert len(measured) == 1293 // 256
    expected = torch.stack(measured).mean(0).tolist()
    assert [metrics[name] for name in norms.names] == pytest.approx(expected)


def test_training_is_the_same_to_the_bit_when_repeated(
    trained: tuple[Trainer, list[EpochRecord]], tiny: Callable[..., RunConfig]
) -> None:
    trainer, records = trained
    again = Trainer(trainer.config)
    assert comparable(list(again)) == comparable(records)
    weights = trainer.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.network.state_dict().items())
    assert comparable(list(train(tiny("residual", shortcut="B", seed=1)))) != comparable(records)


def test_both_variants_see_the_same_images_in_the_same_order(tiny: Callable[..., RunConfig]) -> None:
    seen = {}
    for variant in ("plain", "residual"):
        trainer = Trainer(tiny(variant, epochs=1, shortcut="C"))
        batches: list[torch.Tensor] = []
        trainer.network.register_forward_pre_hook(lambda _, inputs, batches=batches: batches.append(inputs[0].clone()))
        list(trainer)
        seen[variant] = batches
    assert all(torch.equal(a, b) for a, b in zip(seen["plain"], seen["residual"], strict=True))


@pytest.mark.parametrize("block", ["post", "pre"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_what_is_trained_in_place_is_the_network_that_is_loaded(
    tiny: Callable[..., RunConfig], block: str, norm: str
) -> None:
    trainer = Trainer(tiny("residual", block=block, norm=norm, residual_gate=True, depth=14))
    for name, parameter in trainer.network.named_parameters():
        if "scale" in name or "gate" in name:
            nn.init.constant_(parameter, 0.5)  # gates begin closed
    loaded = copy.deepcopy(trainer.network)
    for module in loaded.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    images = torch.randn(4, *trainer.train_split.image_shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(trainer.network(images), loaded(images))


def test_training_lowers_the_loss(tiny: Callable[..., RunConfig]) -> None:
    records = list(train(tiny(epochs=4)))
    assert records[-1].metrics["loss/train"] < 0.5 * records[1].metrics["loss/train"]
    assert records[-1].metrics["final/train_error"] < 0.2
    rates = [record.metrics["learning_rate"] for record in records[1:]]
    # Half a cosine from 0.02, read at the start of each of four epochs.
    assert rates == pytest.approx([0.02, 0.0170711, 0.01, 0.0029289], rel=1e-4)


@pytest.mark.parametrize("keep", [False, True])
def test_an_epochs_loss_and_accuracy_are_means_over_its_images(tiny: Callable[..., RunConfig], keep: bool) -> None:
    trainer = Trainer(tiny(epochs=1, batch_size=500, keep_last_batch=keep))
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor], logits: torch.Tensor) -> None:
        if module.training:
            seen.append((inputs[0].clone(), logits.detach().clone()))

    trainer.network.register_forward_hook(note)
    metrics = list(trainer)[1].metrics
    assert [len(images) for images, _ in seen] == ([500, 500, 293] if keep else [500, 500])
    split = load_dataset("digits").train
    label_of = {
        image.numpy().tobytes(): label
        for image, label in zip(trainer.normalise(split.images), split.labels, strict=True)
    }
    labels = torch.stack([label_of[image.numpy().tobytes()] for images, _ in seen for image in images])
    logits = torch.cat([logits for _, logits in seen])
    assert metrics["loss/train"] == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-5)
    assert metrics["accuracy/train"] == pytest.approx((logits.argmax(1) == labels).float().mean().item(), rel=1e-5)


def test_a_batch_larger_than_the_images_holds_them_all_where_the_last_is_kept(tiny: Callable[..., RunConfig]) -> None:
    trainer = Trainer(tiny(epochs=1, batch_size=2000, keep_last_batch=True))
    assert trainer.steps == 1
    assert 1 < list(trainer)[1].metrics["loss/train"] < 4


def test_predictions_are_those_that_the_final_error_counts(trained: tuple[Trainer, list[EpochRecord]]) -> None:
    trainer, records = trained
    probabilities = trainer.predict(trainer.test_split)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(360))
    wrong = (probabilities.argmax(1) != trainer.test_split.labels).float().mean().item()
    assert records[-1].metrics["final/test_error"] == pytest.approx(wrong)


def test_the_test_split_is_read_only_at_the_end(
    tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(tiny(epochs=2))
    read: list[int] = []
    evaluate = trainer.evaluate
    monkeypatch.setattr(trainer, "evaluate", lambda split: read.append(len(split)) or evaluate(split))
    for record in trainer:
        assert (len(trainer.dataset.test) in read) == (record.epoch == 2)


def test_the_first_epoch_of_at_most_10_percent_training_error_is_kept_over_a_resume(
    tiny: Callable[..., RunConfig],
) -> None:
    trainer = Trainer(tiny("residual", epochs=6))
    records, states = [], []
    for record in trainer:
        records.append(record)
        states.append(copy.deepcopy(trainer.state_dict()))
    accuracies = [record.metrics["accuracy/train"] for record in records[1:]]
    first = 1 + next(index for index, accuracy in enumerate(accuracies) if accuracy >= 0.9)
    assert 1 < first < 6
    assert records[-1].metrics["final/epochs_to_10"] == first
    resumed = Trainer(trainer.config)
    resumed.load_state_dict(states[5])
    assert list(resumed)[-1].metrics["final/epochs_to_10"] == first
    assert "final/epochs_to_10" not in list(train(tiny(epochs=1)))[-1].metrics


def test_a_checkpoint_of_before_goes_on(tiny: Callable[..., RunConfig]) -> None:
    trainer = Trainer(tiny(epochs=2))
    records = iter(trainer)
    while next(records).epoch < 1:
        pass
    state = copy.deepcopy(trainer.state_dict()) | {"random": torch.get_rng_state(), "cuda_random": None}
    del state["epochs_to_learn"]
    old = Trainer(trainer.config)
    old.load_state_dict(state)
    assert comparable(list(old)) == comparable(list(records))


def test_a_run_that_diverges_ends_there_with_the_error_it_has(tiny: Callable[..., RunConfig]) -> None:
    records = list(train(tiny(lr=1e30, epochs=5)))
    assert [record.diverged for record in records] == [False, True]
    assert not math.isfinite(records[-1].metrics["loss/train"])
    # Logits that are no numbers: every image is taken for class 0, of which there are 128 among 1,293.
    assert records[-1].metrics["final/train_error"] == pytest.approx(1 - 128 / 1293)


def test_the_narrowest_nets_train(tiny: Callable[..., RunConfig]) -> None:
    # Of 4 channels, oneDNN's strided 1x1 convolution would corrupt memory.
    assert len(list(train(tiny("residual", width=4, shortcut="B", epochs=1)))) == 2


EACH_OPTIMIZER: list[dict[str, object]] = [
    {}, {"optimizer": "adamw", "lr": 0.01}, {"optimizer": "lars", "lr": 0.5}, {"optimizer": "muon", "lr": 0.02}
]  # fmt: skip
EACH_SCHEDULE: list[dict[str, object]] = [
    {"shortcut_until": 0.5}, {"shortcut_from": 0.5}, {"equal_updates": 1, "epochs": 3}, {"clip": 1.0}
]  # fmt: skip


@pytest.fixture
def in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions on a GPU are in fp32 throughout, so that two that are computed in other ways stay close."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.cuda
@pytest.mark.usefixtures("in_fp32")
@pytest.mark.parametrize("settings", [*EACH_OPTIMIZER, *EACH_SCHEDULE], ids=str)
def test_cuda_goes_on_close_to_an_undisturbed_run(tiny: Callable[..., RunConfig], settings: dict[str, object]) -> None:
    config = tiny("residual", device="cuda", precision="fp32", **{"epochs": 3, **settings})
    first = Trainer(config)
    records = iter(first)
    while next(records).epoch < 1:
        pass
    second = Trainer(config)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    losses = [[record.metrics["loss/train"] for record in rest] for rest in (records, second)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


@pytest.fixture
def capturing(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps on the CPU are captured too: on a tape, which knows as little as a CUDA graph of what Python changes."""
    if device == "cpu":
        monkeypatch.setattr(
            "plainres.training.trainer.replayed", lambda step, config: Taped(step) if config.cuda_graph else step
        )
        monkeypatch.setattr("plainres.training.optimizer.in_place", lambda rate, _: torch.tensor(rate))


@pytest.mark.usefixtures("capturing", "in_fp32")
@pytest.mark.parametrize(
    "settings",
    [*EACH_OPTIMIZER, *EACH_SCHEDULE, {"augment": "crop-flip"}, {"keep_last_batch": True}, {"momentum": 0.0}],
    ids=str,
)
def test_a_captured_step_trains_as_an_eager_one_does(
    tiny: Callable[..., RunConfig], device: str, settings: dict[str, object]
) -> None:
    eager, captured = (
        Trainer(tiny("residual", device=device, precision="fp32", train_images=600, cuda_graph=graph, **settings))
        for graph in (False, True)
    )
    # On the CPU, noise of a part in 100,000 in every layer moves these metrics by up to 2e-2, and a schedule that a
    # captured step doesn't read by 5e-2 or more.
    close = 0.0 if device == "cpu" else 2e-2
    for before, after in zip(comparable(list(eager)), comparable(list(captured)), strict=True):
        assert after == pytest.approx(before, rel=close, abs=close)
    assert isinstance(captured.step, Taped if device == "cpu" else Graphed)
    assert captured.step.graph


def test_gradient_norms_are_measured_without_waiting_for_the_device() -> None:
    # A copy between the devices waits for the GPU, and can't be captured.
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda"):
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 10))
        for parameter in network.parameters():
            parameter.grad = torch.empty_like(parameter)
        norms = GradientNorms(network)
        with Called() as called:
            assert norms.measure().device.type == "cuda"
    assert "_foreach_norm" in called.names
    assert not {"_to_copy", "copy_", "_local_scalar_dense"} & called.names


class Called(TorchDispatchMode):
    """Notes the operations that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.cuda
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 5e-2), ("bf16", 1e-1)])
def test_cuda_trains_close_to_fp32_on_the_cpu(tiny: Callable[..., RunConfig], precision: str, tolerance: float) -> None:
    on_cpu = list(train(tiny(epochs=1)))
    on_gpu = list(train(tiny(epochs=1, device="cuda", precision=precision)))
    assert on_gpu[0].metrics["grad_norm/total"] == pytest.approx(on_cpu[0].metrics["grad_norm/total"], rel=tolerance)
    assert on_gpu[1].metrics["loss/train"] == pytest.approx(on_cpu[1].metrics["loss/train"], rel=tolerance)


@pytest.mark.cuda
@pytest.mark.usefixtures("in_fp32")
def test_a_compiled_step_trains_as_an_eager_one_does_on_a_gpu(tiny: Callable[..., RunConfig]) -> None:
    eager, compiled = (
        list(train(tiny(epochs=1, device="cuda", precision="fp32", compile=compiled))) for compiled in (False, True)
    )
    assert compiled[1].metrics["loss/train"] == pytest.approx(eager[1].metrics["loss/train"], rel=2e-2)
