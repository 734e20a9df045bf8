"""Train one run: SGD over epochs, yielding a record of each."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from plainres.config import RunConfig
from plainres.data import AnySplit, dataset_of
from plainres.data.batches import Normalise, ordered_batches, shuffled_batches
from plainres.networks.configured import network_for
from plainres.training.convolution import Conv2d
from plainres.training.schedule import learning_rate_factor
from plainres.training.step import TrainingStep, autocast, replayed

# Images in a batch when nothing is learnt: no more pixels than in 83 images of 224 x 224.
EVALUATION_BATCH = {"cpu": 512, "mps": 512, "cuda": 4096}
EVALUATION_PIXELS = 2**22


@dataclass(frozen=True)
class EpochRecord:
    """What is known after an epoch, by metric name; epoch 0 stands for the network at initialisation."""

    epoch: int
    metrics: dict[str, float]
    diverged: bool = False
    """The loss is no longer finite, and this record is the run's last."""


def train(config: RunConfig) -> Iterator[EpochRecord]:
    """Train a run from scratch, yielding what is known at initialisation (epoch 0) and after each epoch.

    Errors are in [0, 1], losses in nats (mean cross-entropy). `loss/train` and `accuracy/train` are means over the
    images of the epoch's steps in training mode; the `final/` metrics, which the last record holds, are over whole
    splits in evaluation mode. The test split is read for the last record only. A run whose training loss is no longer
    finite ends with that epoch, and its final errors are those that the network then has. `images_per_second` are
    training images over the time of the epoch, validation included; `final/seconds` is the time of all epochs.
    """
    return iter(Trainer(config))


class Trainer:
    """A run in training: iterate over it once; `network` is the network as far as it is trained.

    With `state_dict` and `load_state_dict` another one goes on where this one was.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.after_step: Callable[[], None] = lambda: None  # who shows the steps of an epoch sets it
        self.device = torch.device(config.device)
        torch.set_num_threads(config.threads)  # of the process: sums over threads differ in their last bits
        torch.backends.cudnn.benchmark = True  # shapes stay the same: the fastest algorithm for them is worth a search
        self.dataset = dataset_of(config)
        self.train_split, self.validation_split, self.test_split = (
            split.to(self.device) for split in (self.dataset.train, self.dataset.validation, self.dataset.test)
        )
        mean, deviation = self.dataset.channel_statistics()
        self.normalise = Normalise(mean.to(self.device), deviation.to(self.device))

        torch.manual_seed(config.seed)
        self.network = network_for(
            config,
            in_channels=self.train_split.image_shape[0],
            num_classes=self.dataset.num_classes,
            convolution=Conv2d,
        ).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.order = torch.Generator().manual_seed(config.seed)

        rest = 0 if config.keep_last_batch else len(self.train_split) % config.batch_size
        self.images_an_epoch = len(self.train_split) - rest
        self.steps = math.ceil(self.images_an_epoch / config.batch_size)
        self.optimizer = SGD(
            self.network.parameters(),
            lr=self._in_place(config.lr),
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=config.device != "mps",
        )
        self.scheduler = LambdaLR(self.optimizer, self._learning_rate_factor)
        self._prepare_step()

        self.epoch = 0
        self.seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the training depends on, as of the last record: tensors, numbers and text.

        The tensors are the trainer's own: they change as it trains on.
        """
        return {
            "config_hash": self.config.config_hash,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same configuration: on a CPU to the bit as if there had been no break.

        Raises:
            ValueError: the state is another configuration's.
        """
        if state["config_hash"] != self.config.config_hash:
            raise ValueError(f"a state of {state['config_hash']} is not one of {self.config.config_hash}")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        for group in self.optimizer.param_groups:
            group["lr"] = self._in_place(float(group["lr"]))
        self._prepare_step()  # a captured one would go on with the memory of the state before
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_random"], self.device)
        self.epoch, self.seconds = state["epoch"], state["seconds"]

    def __iter__(self) -> Iterator[EpochRecord]:
        for epoch in range(self.epoch + 1, self.config.epochs + 1):
            started = perf_counter()
            first_norms, metrics = self._train_epoch()
            self.seconds += perf_counter() - started
            if epoch == 1:
                yield EpochRecord(0, first_norms)
            diverged = not math.isfinite(metrics["loss/train"])
            if diverged or epoch == self.config.epochs:
                metrics |= self._final_metrics()
            self.epoch = epoch
            yield EpochRecord(epoch, metrics, diverged)
            if diverged:
                return

    def train_steps(self) -> Iterator[int]:
        """Train for an epoch, a step at a time; yields the images of each as soon as it's queued on the device."""
        self.network.train()
        self.training_step.reset()
        batches = shuffled_batches(
            self.train_split,
            self.config.batch_size,
            self.normalise,
            self.order,
            self.config.augment,
            keep_last=self.config.keep_last_batch,
        )
        for images, labels in batches:
            self.step(images, labels)
            self.scheduler.step()
            yield len(labels)

    def _train_epoch(self) -> tuple[dict[str, float], dict[str, float]]:
        """Train for an epoch; the gradient norms of the first step of all, and the epoch's metrics.

        Everything is summed on the device and read once.
        """
        started = perf_counter()
        for _ in self.train_steps():
            self.after_step()
        step = self.training_step
        assert step.first_norms is not None
        trained = torch.stack([step.loss_sum, step.correct]) / self.images_an_epoch
        norms = step.norm_sum / self.steps
        values = torch.cat([self._totals(self.validation_split), trained, norms, step.first_norms]).tolist()
        seconds = perf_counter() - started

        names = [f"grad_norm/{name}" for name in step.gradient_norms.names]
        validation, training, mean_norms = values[:2], values[2:4], values[4 : 4 + len(names)]
        first = values[4 + len(names) :]
        return dict(zip(names, first, strict=True)), {
            "loss/train": training[0],
            "accuracy/train": training[1],
            "loss/validation": validation[0] / len(self.validation_split),
            "accuracy/validation": validation[1] / len(self.validation_split),
            "learning_rate": self.config.lr * self._learning_rate_factor(self.epoch * self.steps),
            "images_per_second": self.images_an_epoch / seconds,
            **dict(zip(names, mean_norms, strict=True)),
        }

    def _prepare_step(self) -> None:
        self.training_step = TrainingStep(self.network, self.optimizer, self.config)
        self.step = replayed(self.training_step, self.config)

    def _learning_rate_factor(self, step: int) -> float:
        config = self.config
        return learning_rate_factor(
            config.schedule, step, config.epochs * self.steps, config.warmup_epochs * self.steps
        )

    def _in_place(self, learning_rate: float) -> float | Tensor:
        """A learning rate as the optimizer takes it: on a GPU a tensor, which a captured step reads anew each time."""
        return torch.tensor(learning_rate, device=self.device) if self.device.type == "cuda" else learning_rate

    def _final_metrics(self) -> dict[str, float]:
        train_loss, train_accuracy = self.evaluate(self.train_split)
        test_loss, test_accuracy = self.evaluate(self.test_split)
        return {
            "final/train_loss": train_loss,
            "final/train_error": 1 - train_accuracy,
            "final/test_loss": test_loss,
            "final/test_error": 1 - test_accuracy,
            "final/seconds": self.seconds,
        }

    def evaluate(self, split: AnySplit) -> tuple[float, float]:
        """Mean loss and accuracy over a whole split in evaluation mode."""
        loss, correct = self._totals(split).tolist()
        return loss / len(split), correct / len(split)

    @torch.no_grad()
    def predict(self, split: AnySplit) -> Tensor:
        """The probabilities of the classes for every image of a split, (N, num_classes), on the CPU."""
        self.network.eval()
        probabilities = []
        for images, _ in self._evaluation_batches(split):
            with autocast(self.config):
                logits = self.network(images)
            probabilities.append(logits.float().softmax(1))
        return torch.cat(probabilities).cpu()

    @torch.no_grad()
    def _totals(self, split: AnySplit) -> Tensor:
        """Summed loss and correct answers over a whole split in evaluation mode, (2,), left on the device."""
        self.network.eval()
        totals = torch.zeros(2, device=self.device)
        for images, labels in self._evaluation_batches(split):
            with autocast(self.config):
                logits = self.network(images)
                loss_sum = cross_entropy(logits, labels, reduction="sum")
            totals += torch.stack([loss_sum, (logits.argmax(1) == labels).sum()])
        return totals

    def _evaluation_batches(self, split: AnySplit) -> Iterator[tuple[Tensor, Tensor]]:
        _, height, width = split.image_shape
        most = min(EVALUATION_BATCH[self.device.type], EVALUATION_PIXELS // (height * width))
        return ordered_batches(split, max(1, most), self.normalise)
