"""Takes one step of training: forward, backward, probe, optimizer; on a GPU replayed as one CUDA graph."""

import gc
from collections.abc import Callable

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


class Graphed:
    """Captures a function of tensors on a GPU as a CUDA graph, after some calls, and replays it.

    A graph reads and writes the memory that it was captured with, so the function must keep its state in place; what
    it returns is lost. Calls with tensors of another shape run as they are. Saves the launches of the single kernels,
    which small networks are otherwise bound by.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.calls = 0
        self.inputs: tuple[Tensor, ...] = ()
        self.graph: torch.cuda.CUDAGraph | None = None
        # Of the first calls and of the capture: what autograd keeps of its stream must be the captured one.
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

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
            here = torch.cuda.current_stream()
            self.stream.wait_stream(here)
            with torch.cuda.stream(self.stream):
                self.function(*self.inputs)
            here.wait_stream(self.stream)
            return
        if self.graph is None:
            gc.collect()  # of another run's graph, which can't be freed during a capture
            self.graph = torch.cuda.CUDAGraph()
            # Other threads, as those that pin memory for streamed images, may go on meanwhile.
            with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
                self.function(*self.inputs)
        self.graph.replay()
