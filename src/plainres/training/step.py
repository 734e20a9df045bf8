"""Takes one step of training: forward, backward, probe, optimizer; on a GPU replayed as one CUDA graph."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from plainres.probes.probe import StepProbe
from plainres.settings import RunConfig
from plainres.training.adjustment import Adjustment

WARM_UP = 3  # steps before a graph is captured: libraries set themselves up and choose their algorithms


class TrainingStep:
    """Takes a step of the optimizer, called with a batch of images and labels on the device.

    What an epoch's metrics need is summed on the device: `loss_sum` and `correct`, in images, and `probe_sum`, what
    the probe measures. `first_probed` is that of the first step of all. `weight` is the batch's among those of several
    processes, as `plainres.training.data_parallel` has them.

    Args:
        network: in training mode, on its device.
        optimizer: of the network's parameters.
        probe: of the gradients, before the optimizer uses them.
        config: says whether the forward pass is under bfloat16 autocast, and goes through `torch.compile`.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer, probe: StepProbe, config: RunConfig) -> None:
        self.forward: Callable[[Tensor], Tensor] = network
        if config.compile:
            torch.compiler.reset()  # or the networks that this process compiled before would count against this one
            self.forward = torch.compile(network)
        self.optimizer = optimizer
        self.config = config
        self.probe = probe
        self.adjust = Adjustment(network, config)
        device = next(network.parameters()).device
        self.loss_sum = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device)
        self.probe_sum = torch.zeros(len(probe.names), device=device)
        self.first_probed: Tensor | None = None
        self.weight = 1.0

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        with autocast(self.config):
            logits = self.forward(images)
            loss = cross_entropy(logits, labels)
        self.optimizer.zero_grad()
        (loss if self.weight == 1 else self.weight * loss).backward()  # type: ignore[no-untyped-call]
        probed = self.probe.measure()
        self.adjust()
        self.optimizer.step()
        if self.first_probed is None:
            self.first_probed = probed
        self.probe_sum += probed
        self.loss_sum += loss.detach() * len(labels)
        self.correct += (logits.argmax(1) == labels).sum()

    def begin(self, epoch: int) -> None:
        """Begin the sums of an epoch, counted from 1."""
        self.adjust.begin(epoch)
        for total in (self.loss_sum, self.correct, self.probe_sum):
            total.zero_()


def autocast(config: RunConfig) -> torch.autocast:
    """Return the precision of a run's forward passes, as a context."""
    return torch.autocast(config.device, torch.bfloat16, enabled=config.precision == "bf16")


def replayed(function: Callable[[Tensor, Tensor], None], config: RunConfig) -> Callable[[Tensor, Tensor], None]:
    """Return a step as the run's device takes it: on a GPU as a CUDA graph, unless that is switched off."""
    return Graphed(function) if config.device == "cuda" and config.cuda_graph else function


class Captured(ABC):
    """Captures a function of tensors after some calls, and replays it on the memory that it was captured with.

    So the function must keep its state in place; what it returns is lost. Calls with tensors of another shape run as
    they are.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.calls = 0
        self.inputs: tuple[Tensor, ...] = ()
        self.graph: Any = None  # once it's captured

    def __call__(self, *inputs: Tensor) -> None:
        if self.calls == 0:
            self.inputs = tuple(torch.empty_like(tensor) for tensor in inputs)
        if any(given.shape != held.shape for given, held in zip(inputs, self.inputs, strict=True)):
            self.function(*inputs)
            return
        for given, held in zip(inputs, self.inputs, strict=True):
            held.copy_(given)
        self.calls += 1
        if self.calls <= WARM_UP:
            self.warm_up()
        elif self.graph is None:
            self.graph = self.capture()
        else:
            self.replay()

    @abstractmethod
    def warm_up(self) -> None:
        """Call the function on the inputs that are held, before it's captured."""

    @abstractmethod
    def capture(self) -> Any:
        """Capture the function, and do once what it does; returns what is replayed from then on."""

    @abstractmethod
    def replay(self) -> None:
        """Do again what was captured."""


class Graphed(Captured):
    """Captures a function on a GPU as a CUDA graph.

    Saves the launches of the single kernels, which small networks are otherwise bound by.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        super().__init__(function)
        # Of the first calls and of the capture: what autograd keeps of its stream must be the captured one.
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def warm_up(self) -> None:
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            self.function(*self.inputs)
        here.wait_stream(self.stream)

    def capture(self) -> torch.cuda.CUDAGraph:
        gc.collect()  # of another run's graph, which can't be freed during a capture
        graph = torch.cuda.CUDAGraph()
        # Other threads, as those that pin memory for streamed images, may go on meanwhile.
        with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
            self.function(*self.inputs)
        graph.replay()
        return graph

    def replay(self) -> None:
        self.graph.replay()
