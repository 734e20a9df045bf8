r"""Tests and measures what needs a GPU, on a machine that is there for minutes: `python -m tests.gpu.measure --help`.

The parts, in their order: CIFAR-10 is decoded; the tests that need CUDA; `experiments.throughput`; how many runs side
by side are quickest, section 4.2 of the paper with as many seeds as fit, and its verdict; a profile of training steps.
Each is a process of its own with a limit of its own, and what it leaves over is for those after it. None needs another
to succeed, and each result is in the folder `--out` as soon as it's known:

    summary.md      how each part ended
    images.txt, tests.txt, throughput.txt, section42.txt, profile.txt      what the parts printed
    section42.csv   a row for each finished run of section 4.2
    results.json    throughput by round, and the accuracies of all runs of section 4.2 by epoch

A second call with the same `--work` goes on with the runs of section 4.2 that were interrupted. `--small` does all of
this in a tiny form on the CPU, with digits for images:

    python -m tests.gpu.measure --small --seconds 300 --out OUT

On a host without a package index, with Python 3.12, torch and torchvision. On a machine that has one, gather what the
host lacks (leave out the wheels that it has), and copy them with the project and the images (CIFAR-10 as a folder
`train/CLASS/FILE`, `test/CLASS/FILE`) to the host:

    python -m pip download --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 --dest wheels \
        'mlflow>=3.17,<3.18' 'optuna>=5,<6'

The tests need pytest and pytest-xdist as well, hypothesis and psutil. Then on the host, in the project's folder:

    python3 -m pip install --quiet --no-index --no-deps --no-compile --target /tmp/site wheels/*.whl
    export PYTHONPATH=/tmp/site
    python3 -m tests.gpu.measure --seconds 540 --out OUT --cifar /tmp/cifar10

Where one call can't have all the time, the longest part gets a second one:

    python3 -m tests.gpu.measure --seconds 300 --out OUT --cifar /tmp/cifar10 --parts images tests throughput profile
    python3 -m tests.gpu.measure --seconds 420 --out OUT --cifar /tmp/cifar10 --parts side-by-side section42 verdict
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from time import monotonic

from tests.environment import ROOT
from tests.gpu.parts import Folders, Part, parts_of
from tests.gpu.scale import FULL, SMALL
from tests.gpu.timed import Ended, carry_out

GPU = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
Outcome = tuple[Part, Ended | Exception]


def main(words: Sequence[str] | None = None) -> int:
    """Carry out the parts that are asked for; 0 where all have finished, else 1."""
    asked = arguments(words)
    work = asked.work or Path(gettempdir(), f"plainres-measured{'-small' if asked.small else ''}")
    images = work / "digits" if asked.small else asked.cifar
    folders = Folders(images.absolute(), asked.out.absolute(), work.absolute())
    parts = parts_of(SMALL if asked.small else FULL, folders, asked.jobs, asked.seeds)
    if asked.parts:
        parts = [part for part in parts if part.name.startswith(tuple(asked.parts))]
    outcomes = measure(parts, asked.seconds, folders)
    return int(any(isinstance(ended, Exception) or ended.words != "finished" for _, ended in outcomes))


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.measure", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, required=True, help="that all parts have together")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--work", type=Path, help="folder for the store (default: one of the temporary files)")
    parser.add_argument("--cifar", type=Path, default=Path("/tmp/cifar10"), help="CIFAR-10 as a folder of images")
    parser.add_argument("--small", action="store_true", help="a tiny form, for the CPU, with digits for images")
    parser.add_argument("--parts", nargs="+", help="only those whose names begin so (default: all)")
    parser.add_argument("--jobs", type=int, help="runs of section 4.2 side by side (default: by a trial)")
    parser.add_argument("--seeds", type=int, help="seeds of section 4.2 (default: as many as fit)")
    return parser.parse_args(words)


def measure(parts: Sequence[Part], seconds: float, folders: Folders) -> list[Outcome]:
    """Carry out parts one after the other, each within its share of the time that is left."""
    end = monotonic() + seconds
    for folder in (folders.out, folders.results):
        folder.mkdir(parents=True, exist_ok=True)
    surroundings = environment(folders.work)
    outcomes: list[Outcome] = []
    for number, part in enumerate(parts):
        limit = (end - monotonic()) * part.share / sum(later.share for later in parts[number:])
        ended = carried_out(part, limit, folders, surroundings)
        outcomes.append((part, ended))
        (folders.out / "results.json").write_text(json.dumps(gathered(folders.results), indent=1))
        (folders.out / "summary.md").write_text(summary(outcomes))
        print(row(part, ended), flush=True)
    return outcomes


def carried_out(part: Part, limit: float, folders: Folders, surroundings: Mapping[str, str]) -> Ended | Exception:
    """Carry out a part; what keeps it from beginning is returned, so that the next one begins."""
    try:
        command = part.command(limit)
        return carry_out(command, folders.out / part.log, limit, folder=folders.work, environment=surroundings)
    except Exception as error:
        return error


def environment(work: Path) -> dict[str, str]:
    """Give parts the project's code and a store in the folder for work."""
    paths = [str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{work / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "COLUMNS": "110",
    }


def gathered(results: Path) -> dict[str, object]:
    """Bring all results that programs read into one value, by the names of their files."""
    found: dict[str, object] = {}
    for file in sorted(results.glob("*.json")):
        with suppress(ValueError):  # cut off
            found[file.stem] = json.loads(file.read_text())
    return found


def summary(outcomes: Iterable[Outcome]) -> str:
    """Write as Markdown on which machine the parts ran, and how each ended."""
    head = "| part | how it ended | s | output |\n| --- | --- | ---: | --- |"
    return "\n".join([f"{machine()}\n", head, *(row(part, ended) for part, ended in outcomes), ""])


def row(part: Part, ended: Ended | Exception) -> str:
    """Write how a part ended as a row."""
    if isinstance(ended, Exception):
        return f"| {part.name} | couldn't begin: {ended} | 0 | |"
    return f"| {part.name} | {ended.words} | {ended.seconds:.0f} | {part.log} |"


@cache
def machine() -> str:
    """Name the GPU, its driver, Python and torch."""
    try:
        gpu = subprocess.run(GPU, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        gpu = "no GPU"
    return f"{gpu}; Python {sys.version.split()[0]}, torch {version('torch')}"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # parts take it, even where it's ignored here
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end with this process
    sys.exit(main())
