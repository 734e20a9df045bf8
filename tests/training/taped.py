"""Does a step on the CPU as a CUDA graph would: what Python alone knows of it is what it knew when it was captured."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from plainres.training.step import WARM_UP

READ_BY_THE_HOST = "_local_scalar_dense"

Operation = tuple[Any, Any, Any, list[Tensor]]
"""What is called, with which arguments, and the tensors that came of it."""


class Taped:
    """Notes the operations of a step after some calls, and does the same ones again on the same memory.

    Like a CUDA graph it refuses what the host has to read, and takes batches of another shape as they are.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.calls = 0
        self.inputs: tuple[Tensor, ...] = ()
        self.graph: list[Operation] = []

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
            self.function(*self.inputs)
        elif not self.graph:
            with _Recording(self.graph):
                self.function(*self.inputs)
        else:
            self.replay()

    @torch.no_grad()
    def replay(self) -> None:
        for operation, args, kwargs, results in self.graph:
            for again, held in zip(_tensors(operation(*args, **kwargs)), results, strict=True):
                if again.data_ptr() != held.data_ptr():  # else it's a view of what is there, or was done in place
                    held.copy_(again)


class _Recording(TorchDispatchMode):
    def __init__(self, graph: list[Operation]) -> None:
        super().__init__()
        self.graph = graph

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket.__name__ != READ_BY_THE_HOST, "a captured step can't be waited for"
        result = func(*args, **(kwargs or {}))
        self.graph.append((func, args, kwargs or {}, _tensors(result)))
        return result


def _tensors(result: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
