"""What one of several processes that train a run together has of each batch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes a while to import
    from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The share of the process of this rank, of so many; a single one has it all."""

    rank: int = 0
    processes: int = 1

    def of(self, whole: "Tensor", dim: int = 0) -> "Tensor":
        """Its part along a dimension, consecutive; where that doesn't divide evenly, the first ranks have one more."""
        return whole.tensor_split(self.processes, dim)[self.rank]


WHOLE = Share()
