"""Sets what torch keeps for a thread or the process as a run needs it while it works, and puts it back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Lock
from types import TracebackType

import torch

from plainres.settings import RunConfig


@contextmanager
def as_torch_begins() -> Iterator[None]:
    """Set autocast, inference mode, and the default type and device as torch begins with, where they were changed."""
    with ExitStack() as stack:
        if (before := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, before)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        yield


@contextmanager
def settings_of(config: RunConfig) -> Iterator[None]:
    """Set a run's number of threads, gradients, and on a GPU the search for the fastest algorithms, around its work.

    The number of threads counts for the calling thread alone (OpenMP's number of threads is a thread's own), so runs
    with different numbers may go on in two threads. A thread that first uses torch meanwhile begins with this number.
    """
    before = torch.get_num_threads()
    # Sums over threads differ in their last bits, so the number is part of the run.
    torch.set_num_threads(config.threads)
    try:
        with as_torch_begins(), _benchmark if config.device == "cuda" else nullcontext(), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def initial_draws(seed: int) -> Iterator[None]:
    """Start torch's CPU generator at the seed around the drawing of initial weights, and put it back.

    One run at a time, since layers draw from the generator of the process.
    """
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class _Benchmark:
    """cuDNN's search for the fastest algorithms, worth it as shapes stay the same; on while any run works."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.runs = 0
        self.before = False

    def __enter__(self) -> None:
        with self.lock:
            if self.runs == 0:
                self.before = torch.backends.cudnn.benchmark
                torch.backends.cudnn.benchmark = True
            self.runs += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self.lock:
            self.runs -= 1
            if self.runs == 0:
                torch.backends.cudnn.benchmark = self.before


_benchmark = _Benchmark()
_drawing = Lock()
