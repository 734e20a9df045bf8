"""Holds what was measured, on which hardware, as a table for people and as values for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import joblib
import torch

from plainres.screen.table import TextTable, text_table
from plainres.system.hardware import processor

from .rounds import Measurement

COLUMNS = ("loop", "images/s", "quartiles", "GFLOP/s", "of peak", "memory")
EXPLANATION = (
    "Images/s: median and quartiles over rounds in which the loops took turns. GFLOP/s: products of convolutions and "
    "classifier, forward and backward; of the peak of a large matrix product in the same rounds, on as many threads. "
    "The conventional loop has torch's own modules, and the step called torch's has its convolutions. Memory: the most "
    "that the processes which train had, those of a DataLoader aside."
)


@dataclass(frozen=True)
class Comparison:
    """The loops measured for one network: operations for each image, and the matrix product beside each."""

    network: str
    measured: dict[str, Measurement]
    flops_per_image: dict[str, int]
    peaks: dict[str, str]
    ratios: tuple[tuple[str, str], ...]

    def ratio(self, of: str, to: str) -> list[float]:
        """One loop's images a second over another's, round by round."""
        return [a / b for a, b in zip(self.measured[of].rates, self.measured[to].rates, strict=True)]

    def rows(self) -> list[tuple[str, ...]]:
        """The cells under `COLUMNS`, as text."""
        return [self._row(loop, self.measured[loop].rates) for loop in self.peaks]

    def _row(self, loop: str, rates: list[float]) -> tuple[str, ...]:
        flops = median(rates) * self.flops_per_image[loop]
        memory = self.measured[loop].peak_memory
        return (
            loop,
            f"{median(rates):,.0f}",
            "{:,.0f} to {:,.0f}".format(*quartiles(rates)),
            f"{flops / 1e9:,.0f}",
            f"{flops / median(self.measured[self.peaks[loop]].rates):.0%}",
            f"{memory / 2**20:,.0f} MiB" if memory else "unknown",
        )

    def sentences(self) -> list[str]:
        """The ratios, as text."""
        return [
            "{}: {:.2f} times {} (quartiles {:.2f} to {:.2f})".format(
                of, median(self.ratio(of, to)), to, *quartiles(self.ratio(of, to))
            )
            for of, to in self.ratios
        ]

    def values(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "network": self.network,
            "flops_per_image": self.flops_per_image,
            "images_per_second": {loop: self.measured[loop].rates for loop in self.peaks},
            "peak_memory_bytes": {loop: self.measured[loop].peak_memory for loop in self.peaks},
            "peak_flops_per_second": {loop: self.measured[peak].rates for loop, peak in self.peaks.items()},
            "ratios": {f"{of} / {to}": self.ratio(of, to) for of, to in self.ratios},
        }


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile of two or more values, within their range."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def terminal_table(comparison: Comparison) -> TextTable:
    """The table for a terminal, and the ratios below it."""
    return text_table(COLUMNS, comparison.rows(), "\n".join(comparison.sentences()))


def hardware_name(device: str) -> str:
    """The processor, its cores that this process may use, and the GPU if the device is one."""
    cpu = f"{processor('cpu')}, {joblib.cpu_count()} cores"
    return f"{torch.cuda.get_device_name()}; {cpu}" if device == "cuda" else cpu
