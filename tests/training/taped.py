"""Does a step on the CPU as a CUDA graph would: what Python alone knows of it is what it knew when it was captured."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from plainres.training.step import Captured

READ_BY_THE_HOST = "_local_scalar_dense"

Operation = tuple[Any, Any, Any, list[Tensor]]
"""What is called, with which arguments, and the tensors that came of it."""


class Taped(Captured):
    """Notes the operations of a step, and does the same ones again; it refuses what the host has to read."""

    def warm_up(self) -> None:
        self.function(*self.inputs)

    def capture(self) -> list[Operation]:
        graph: list[Operation] = []
        with _Recording(graph):
            self.function(*self.inputs)
        return graph

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
