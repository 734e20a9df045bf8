"""The loops that are compared: each goes on for ever, and yields the work of a step as soon as it's queued."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from plainres.data import Split, dataset_of
from plainres.data.batches import ordered_batches
from plainres.data.streaming import LOADER_START
from plainres.errors import BadInput
from plainres.networks.factory import network_for
from plainres.settings import RunConfig
from plainres.training import Trainer
from plainres.training.convolution import Conv2d
from plainres.training.process import settings_of
from plainres.training.step import autocast, replayed

LOADER_WORKERS = 2  # of the conventional loop, as in PyTorch's tutorials; on one thread it has none
STREAMED = "throughput is measured on images in memory, and these don't fit: --train-images takes fewer"
MATRIX_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}


def harness(config: RunConfig) -> Iterator[int]:
    """Training as plainres does it, validation aside: data, augmentation, gradient norms, schedule; yields images."""
    trainer = Trainer(replace(config, schedule="constant", warmup_epochs=0))
    while True:
        yield from trainer.train_steps()


def bare(config: RunConfig) -> Iterator[int]:
    """The same step over one batch that is there already: model, loss, backward, optimizer; yields images."""
    return bare_step_of(Trainer(config), config)


def bare_torch(config: RunConfig) -> Iterator[int]:
    """The bare step of a network whose convolutions are torch's own; yields images."""
    return bare_step_of(TorchTrainer(config), config)


class TorchTrainer(Trainer):
    """A run whose convolutions are torch's own."""

    convolution = nn.Conv2d


def bare_step_of(trainer: Trainer, config: RunConfig) -> Iterator[int]:
    """Model, loss, backward and optimizer of a run over one batch, for ever; yields images."""
    trainer.network.train()
    network, optimizer = trainer.training_step.forward, trainer.optimizer
    images, labels = next(ordered_batches(trainer.train_split, config.batch_size, trainer.normalise))

    def step(images: Tensor, labels: Tensor) -> None:
        with autocast(config):
            loss = cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    run = replayed(step, config)
    while True:
        with settings_of(config):
            run(images, labels)
        yield len(labels)


def conventional(config: RunConfig) -> Iterator[int]:
    """The loop of most public repositories; yields images.

    Torch's own modules, a DataLoader with torchvision's transforms on PIL images, default memory format, fp32, and
    `.item()` in each step for loss, accuracy and the gradient norm of each parameter.
    """
    from torchvision import transforms

    torch.set_num_threads(config.threads)
    dataset = dataset_of(config)
    if not isinstance(dataset.train, Split):
        raise BadInput(STREAMED)
    mean, deviation = (statistic.tolist() for statistic in dataset.channel_statistics())
    channels, height, width = dataset.train.image_shape
    transform = transforms.Compose(
        [
            *(
                [transforms.RandomCrop((height, width), padding=4), transforms.RandomHorizontalFlip()]
                if config.augment == "crop-flip"
                else []
            ),
            transforms.ToTensor(),
            transforms.Normalize([value / 255 for value in mean], [value / 255 or 1 for value in deviation]),
        ]
    )
    workers = LOADER_WORKERS if config.threads > 1 or config.device != "cpu" else 0
    loader = DataLoader(
        _PilImages(dataset.train, transform),
        batch_size=config.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=LOADER_START if workers else None,
        pin_memory=config.device == "cuda",
    )
    network = network_for(config, in_channels=channels, num_classes=dataset.num_classes)
    network.to(config.device)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )
    total_loss = total_correct = 0.0
    while True:
        for images, labels in loader:
            images, labels = images.to(config.device), labels.to(config.device)
            optimizer.zero_grad()
            logits = network(images)
            loss = cross_entropy(logits, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            for parameter in network.parameters():
                assert parameter.grad is not None
                parameter.grad.norm().item()
            optimizer.step()
            total_loss += loss.item()
            total_correct += (logits.argmax(1) == labels).sum().item()
            yield len(labels)


class _PilImages(Dataset[tuple[Tensor, Tensor]]):
    """Images as torchvision's own data sets hand them out: made a PIL image, one at a time, then transformed."""

    def __init__(self, split: Split, transform: "object") -> None:
        pixels = split.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.pixels = pixels[..., 0] if pixels.shape[3] == 1 else pixels
        self.labels = split.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]  # type: ignore[operator]


def matrix_product(config: RunConfig) -> Iterator[int]:
    """A product of large square matrices in the run's precision; yields floating-point operations."""
    torch.set_num_threads(config.threads)
    side = MATRIX_SIDE[config.device]
    kind = torch.bfloat16 if config.precision == "bf16" else torch.float32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as convolutions may
    left, right, out = (torch.randn(side, side, device=config.device, dtype=kind) for _ in range(3))
    while True:
        torch.mm(left, right, out=out)
        yield 2 * side**3


def flops_per_image(config: RunConfig) -> tuple[int, int]:
    """Floating-point operations of a training step for each image: of the harness's network, and of torch's layers.

    Those of convolutions and the classifier as `torch.utils.flop_counter` counts them, two for each multiply-add,
    forward and backward. On the CPU the harness leaves out products with padding in images of one or two pixels.
    """
    dataset = dataset_of(config)
    shape = dataset.train.image_shape

    def count(device: str, convolution: type[nn.Conv2d]) -> int:
        with torch.device(device):
            network = network_for(
                config, in_channels=shape[0], num_classes=dataset.num_classes, convolution=convolution
            )
            images = torch.zeros(2, *shape)
        with FlopCounterMode(display=False) as counter:
            network(images).sum().backward()
        total: int = counter.get_total_flops()
        return total // len(images)

    return count("cpu" if config.device == "cpu" else "meta", Conv2d), count("meta", nn.Conv2d)
