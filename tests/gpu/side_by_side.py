"""Measures how many images a second so many runs train on together, side by side on one device.

`python -m tests.gpu.side_by_side FILE SECONDS DEPTH SETTINGS COUNT ...` writes a rate for each count as soon as it's
known; SETTINGS are JSON.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments._throughput.loops import harness
from experiments._throughput.rounds import Contender, measure
from plainres.settings import RunConfig
from plainres.sweeps.configure import configure
from plainres.system.files import write_whole


def rates(config: RunConfig, counts: Sequence[int], seconds: float) -> Iterator[tuple[int, float]]:
    """Yield each count with the images a second of so many runs."""
    for count in counts:
        name = f"{count} side by side"
        (rate,) = measure([Contender(name, harness, config, processes=count)], 1, seconds)[name].rates
        yield count, rate


def main(file: Path, seconds: float, config: RunConfig, counts: Sequence[int]) -> None:
    """Measure, print and write."""
    known: dict[int, float] = {}
    for count, rate in rates(config, counts, seconds):
        known[count] = rate
        print(f"{config.network}, {count} side by side: {rate:,.0f} images/s", flush=True)
        write_whole(file, json.dumps(known).encode())


if __name__ == "__main__":
    file, seconds, depth, settings, *counts = sys.argv[1:]
    main(Path(file), float(seconds), configure("residual", int(depth), **json.loads(settings)), [*map(int, counts)])
