"""Prints what trainings come to, to the last bit, as JSON; `compare.py` runs it with the code of two commits."""

import json

from plainres.sweeps.configure import configure
from plainres.training import train

# Measured times, which no two trainings share.
TIMES = ("images_per_second", "final/seconds")


def main() -> None:
    found = {}
    for depth in (8, 18, 50):
        for variant in ("plain", "residual"):
            for seed in (0, 1):
                config = configure(variant, depth, seed, epochs=3, device="cpu")
                found[config.name] = [
                    {name: value.hex() for name, value in record.metrics.items() if name not in TIMES}
                    for record in train(config)
                ]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
