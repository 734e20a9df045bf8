"""Trains one run, epoch after epoch, and yields a record of each."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from plainres.data import AnySplit, dataset_of
from plainres.data.batches import Normalise, ordered_batches, shuffled_batches
from plainres.data.shares import WHOLE, Share, check_shares
from plainres.names import (
    FINAL_EPOCHS_TO_10,
    FINAL_SECONDS,
    FINAL_TEST_ERROR,
    FINAL_TEST_LOSS,
    FINAL_TRAIN_ERROR,
    FINAL_TRAIN_LOSS,
    IMAGES_PER_SECOND,
    INITIAL,
    LEARNING_RATE,
    TRAIN_ACCURACY,
    TRAIN_LOSS,
    VALIDATION_ACCURACY,
    VALIDATION_LOSS,
)
from plainres.networks.factory import network_for, shortcut_share
from plainres.probes.gradients import GradientNorms
from plainres.probes.probe import Batch, probe_called
from plainres.settings import RunConfig
from plainres.settings.thresholds import is_learnt
from plainres.training.convolution import Conv2d
from plainres.training.data_parallel import average_statistics, data_parallel, total
from plainres.training.optimizer import in_place, learning_rate_factor, optimizer_for
from plainres.training.process import initial_draws, settings_of
from plainres.training.step import TrainingStep, autocast, replayed

# Images in a batch when nothing is learnt: no more pixels than in 83 images of 224 x 224.
EVALUATION_BATCH = {"cpu": 512, "mps": 512, "cuda": 4096}
EVALUATION_PIXELS = 2**22
PROBE_IMAGES = 128  # of the training split, drawn once for all runs


@dataclass(frozen=True)
class EpochRecord:
    """Holds what is known after an epoch, by metric name; epoch 0 stands for the network at initialisation."""

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
    training images over the time of the epoch, validation included; `final/seconds` is the time of all epochs, without
    probes. `final/epochs_to_10` is the first epoch whose training error is at most 10 %, if there is one.

    Nothing in the process changes: runs in several threads or taking turns are what each is alone.
    """
    return iter(Trainer(config))


class Trainer:
    """Trains a run: iterate over it once; `network` is the network as far as it is trained.

    With `state_dict` and `load_state_dict` another one goes on where this one was. All that a run draws after its
    initial weights comes from the generator `order`; a layer that draws, as dropout does, would need one too.

    Several processes of torch.distributed's default group train a run together, each with its share: all iterate, and
    get the same records but for what probes measure, which the first alone has, and times.
    """

    convolution: type[nn.Conv2d] = Conv2d  # a network that is loaded has torch's own

    def __init__(self, config: RunConfig, share: Share = WHOLE) -> None:
        self.config, self.share = config, share
        self.device = torch.device(config.device)
        self.probes = [probe_called(name) for name in config.probes]
        self.after_step: Callable[[], None] = lambda: None  # who shows the steps of an epoch sets it
        self.batches = 0  # trained or evaluated here, which shows that it gets on
        self.epoch, self.seconds = 0, 0.0
        self.epochs_to_learn: int | None = None
        with settings_of(config):
            self._set_up_data()
            self._set_up_network()
            self._set_up_step()

    def _set_up_data(self) -> None:
        self.dataset = dataset_of(self.config)
        self.train_split, self.validation_split, self.test_split = (
            split.to(self.device) for split in (self.dataset.train, self.dataset.validation, self.dataset.test)
        )
        mean, deviation = self.dataset.channel_statistics()
        self.normalise = Normalise(mean.to(self.device), deviation.to(self.device))
        self.order = torch.Generator().manual_seed(self.config.seed)
        rest = 0 if self.config.keep_last_batch else len(self.train_split) % self.config.batch_size
        self.images_an_epoch = len(self.train_split) - rest
        self.steps = math.ceil(self.images_an_epoch / self.config.batch_size)

    def _set_up_network(self) -> None:
        config, channels = self.config, self.train_split.image_shape[0]
        with initial_draws(config.seed):
            network = network_for(
                config, in_channels=channels, num_classes=self.dataset.num_classes, convolution=self.convolution
            )
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.shortcut_share: Tensor | None = None
        if config.changes_shortcuts:
            self.shortcut_share = torch.ones((), device=self.device)  # which a captured step reads
            self.network.schedule_shortcuts(self.shortcut_share)
        if config.block != "pre" or config.norm != "none":  # else F may begin with a ReLU, of what the shortcut adds
            for module in self.network.modules():
                if isinstance(module, nn.ReLU):
                    # Here nobody keeps what a layer was given; a network that is loaded overwrites nothing.
                    module.inplace = True
        self.optimizer = optimizer_for(config, self.network)
        self.scheduler = LambdaLR(self.optimizer, self._learning_rate_factor)
        self._schedule_shortcuts()

    def _set_up_step(self) -> None:
        self.training_step = TrainingStep(self.network, self.optimizer, GradientNorms(self.network), self.config)
        self.step = replayed(self.training_step, self.config) if self.share == WHOLE else self.training_step

    def _schedule_shortcuts(self) -> None:
        """Give shortcuts the share that they have after so many steps."""
        if self.shortcut_share is not None:
            progress = self.scheduler.last_epoch / (self.config.epochs * self.steps)
            self.shortcut_share.fill_(shortcut_share(self.config, progress))

    def _learning_rate_factor(self, step: int) -> float:
        total_steps, warmup_steps = self.config.epochs * self.steps, self.config.warmup_epochs * self.steps
        return learning_rate_factor(self.config.schedule, step, total_steps, warmup_steps)

    def __iter__(self) -> Iterator[EpochRecord]:
        check_shares(self.config, self.share.processes, len(self.train_split))
        if self.share.processes > 1:
            with settings_of(self.config):
                self.training_step.forward = data_parallel(self.network, self.config, self.train_split.image_shape)
        initial = {} if self.epoch else self._probed()
        for epoch in range(self.epoch + 1, self.config.epochs + 1):
            started = perf_counter()
            for _ in self.train_steps():
                self.after_step()
                self.batches += 1
            first_step, metrics = self._metrics()
            seconds = perf_counter() - started
            metrics[IMAGES_PER_SECOND] = self.images_an_epoch / seconds
            self.seconds += seconds
            if epoch == 1:
                yield EpochRecord(0, first_step | initial)
            if self.epochs_to_learn is None and is_learnt(1 - metrics[TRAIN_ACCURACY]):
                self.epochs_to_learn = epoch
            diverged = not math.isfinite(metrics[TRAIN_LOSS])
            if not diverged:
                metrics |= self._probed()
            if diverged or epoch == self.config.epochs:
                metrics |= self._final_metrics()
            self.epoch = epoch
            yield EpochRecord(epoch, metrics, diverged)
            if diverged:
                return

    def train_steps(self) -> Iterator[int]:
        """Train for an epoch, a step at a time; yield the images of each as soon as it's queued on the device."""
        self.network.train()
        self.training_step.begin(self.epoch + 1)
        batches = shuffled_batches(
            self.train_split,
            self.config.batch_size,
            self.normalise,
            self.order,
            self.config.augment,
            keep_last=self.config.keep_last_batch,
            share=self.share,
        )
        left = self.images_an_epoch
        while True:
            with settings_of(self.config):  # and not while another has its turn
                batch = next(batches, None)
                if batch is None:
                    return
                images = min(self.config.batch_size, left)
                left -= images
                # DistributedDataParallel takes the mean over the processes, whose shares may differ.
                self.training_step.weight = len(batch[1]) * self.share.processes / images
                self.step(*batch)
                self.scheduler.step()
                self._schedule_shortcuts()
            yield images

    def _metrics(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return what the first step of all left, and the metrics of the epoch that was trained.

        Everything is summed on the device and read once.
        """
        step = self.training_step
        assert step.first_probed is not None
        with settings_of(self.config):
            if self.config.norm_shares > 1:
                average_statistics(self.network, self.share)
            values = read_at_once(
                first=step.first_probed,
                probed=step.probe_sum / self.steps,
                training=total(torch.stack([step.loss_sum, step.correct]), self.share) / self.images_an_epoch,
                validation=self._totals(self.validation_split),
            )
        first, probed = (dict(zip(step.probe.names, values[name], strict=True)) for name in ("first", "probed"))
        loss, accuracy = values["training"]
        validation_loss, validation_accuracy = (total / len(self.validation_split) for total in values["validation"])
        return first | {INITIAL + name: value for name, value in first.items()}, {
            TRAIN_LOSS: loss,
            TRAIN_ACCURACY: accuracy,
            VALIDATION_LOSS: validation_loss,
            VALIDATION_ACCURACY: validation_accuracy,
            LEARNING_RATE: self.config.lr * self._learning_rate_factor(self.epoch * self.steps),
            **probed,
        }

    def _probed(self) -> dict[str, float]:
        """Return what the probes that were asked for measure of the network as it is, in the first process."""
        if self.share.rank > 0:
            return {}
        with settings_of(self.config):
            return {
                name: value for probe in self.probes for name, value in probe(self.network, self.probe_batch).items()
            }

    @cached_property
    def probe_batch(self) -> Batch:
        """Holds the images that probes see, the same in all runs on these data."""
        order = torch.randperm(len(self.train_split), generator=torch.Generator().manual_seed(0))
        ((images, labels),) = self.train_split.batches(order[:PROBE_IMAGES], PROBE_IMAGES)
        return self.normalise(images), labels

    def _final_metrics(self) -> dict[str, float]:
        train_loss, train_accuracy = self.evaluate(self.train_split)
        test_loss, test_accuracy = self.evaluate(self.test_split)
        return {
            FINAL_TRAIN_LOSS: train_loss,
            FINAL_TRAIN_ERROR: 1 - train_accuracy,
            FINAL_TEST_LOSS: test_loss,
            FINAL_TEST_ERROR: 1 - test_accuracy,
            FINAL_SECONDS: self.seconds,
            **({} if self.epochs_to_learn is None else {FINAL_EPOCHS_TO_10: float(self.epochs_to_learn)}),
        }

    def evaluate(self, split: AnySplit) -> tuple[float, float]:
        """Return mean loss and accuracy over a whole split in evaluation mode; a run's processes call it together."""
        with settings_of(self.config):
            loss, correct = self._totals(split).tolist()
        return loss / len(split), correct / len(split)

    def predict(self, split: AnySplit) -> Tensor:
        """Return the probabilities of the classes for every image of a split, (N, num_classes), on the CPU."""
        with settings_of(self.config):
            return torch.cat([logits.float().softmax(1) for logits, _ in self._evaluated(split)]).cpu()

    def _totals(self, split: AnySplit) -> Tensor:
        """Return summed loss and correct answers over a whole split in evaluation mode, (2,), left on the device."""
        totals = torch.zeros(2, device=self.device)
        for logits, labels in self._evaluated(split, self.share):
            with autocast(self.config):
                loss_sum = cross_entropy(logits, labels, reduction="sum")
            totals += torch.stack([loss_sum, (logits.argmax(1) == labels).sum()])
        return total(totals, self.share)

    @torch.no_grad()
    def _evaluated(self, split: AnySplit, share: Share = WHOLE) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits and labels of a whole split in evaluation mode, batch after batch."""
        self.network.eval()
        _, height, width = split.image_shape
        most = max(1, min(EVALUATION_BATCH[self.device.type], EVALUATION_PIXELS // (height * width)))
        for images, labels in ordered_batches(split, most, self.normalise, share):
            with autocast(self.config):
                logits = self.network(images)
            self.batches += 1
            yield logits, labels

    def state_dict(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on, as of the last record: tensors, numbers and text.

        The tensors are the trainer's own: they change as it trains on.
        """
        return {
            "config_hash": self.config.config_hash,
            "epoch": self.epoch,
            "epochs_to_learn": self.epochs_to_learn,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "order": self.order.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same configuration: on a CPU to the bit as if there had been no break.

        Raises:
            ValueError: the state is another configuration's.
        """
        if state["config_hash"] != self.config.config_hash:
            raise ValueError(f"a state of {state['config_hash']} is not one of {self.config.config_hash}")
        for name, part in (("network", self.network), ("optimizer", self.optimizer), ("scheduler", self.scheduler)):
            part.load_state_dict(state[name])
        for group in self.optimizer.param_groups:
            group["lr"] = in_place(float(group["lr"]), self.config.device)
        self._schedule_shortcuts()
        self._set_up_step()  # a captured one would go on with the memory of the state before
        self.order.set_state(state["order"])
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.epochs_to_learn = state.get("epochs_to_learn")  # checkpoints of before lack it


def read_at_once(**tensors: Tensor) -> dict[str, list[float]]:
    """Return the values of tensors of one dimension and type, by name, in one read of the device."""
    values = iter(torch.cat(list(tensors.values())).tolist())
    return {name: list(islice(values, len(tensor))) for name, tensor in tensors.items()}
