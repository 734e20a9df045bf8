"""Lists the parts of the measurement: what each runs, which share of the time it has, and where its output goes."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.environment import ROOT
from tests.gpu.scale import Network, Scale, flags
from tests.gpu.section42 import choose

# Of pytest: tell each test's outcome as soon as it's known, and go on where a file can't be imported.
TOLD = ("-vv", "--color", "no", "--tb", "short", "-rfE", "--durations", "10", "--continue-on-collection-errors")
NEEDS_CUDA = re.compile(r"mark\.cuda\b|\bdevice: str\b")  # the marker, or the fixture that has it


@dataclass(frozen=True)
class Part:
    """A command, as it is when it begins with so many seconds, its share of the time beside others, and its log."""

    name: str
    share: float
    log: str
    command: Callable[[float], list[str]]


@dataclass(frozen=True)
class Folders:
    """Says where things are.

    Attributes:
        images: those of section 4.2, `train/CLASS/FILE` and `test/CLASS/FILE`.
        out: results for people.
        work: the store, the checkpoints, and what parts tell each other; a second call goes on with what is there.
    """

    images: Path
    out: Path
    work: Path

    @property
    def results(self) -> Path:
        """Holds the results that programs read, each in a file of its own."""
        return self.work / "results"

    @property
    def trial(self) -> Path:
        """Holds how many images a second runs side by side train on."""
        return self.results / "side_by_side.json"


def parts_of(scale: Scale, folders: Folders, jobs: int | None = None, seeds: int | None = None) -> list[Part]:
    """List the parts in their order; jobs and seeds of section 4.2 are chosen by a trial where they aren't given."""
    some = {"dataset": "imagefolder", "data_dir": str(folders.work / "some"), "recipe": "cifar10"}
    whole = {**some, "data_dir": str(folders.images)}

    def images() -> list[str]:
        sizes = [str(size) for network in scale.networks.values() if (size := network.settings.get("image_size"))]
        digits = ["--digits"] if scale.digits else []
        return module("tests.gpu.images", str(folders.images), some["data_dir"], "--size", *sizes, *digits)

    def tests() -> list[str]:
        return module("pytest", *needing_cuda(), "-c", str(ROOT / "pyproject.toml"), *TOLD, *scale.tests)

    def throughput(name: str, network: Network) -> list[str]:
        settings = flags({**some, **network.settings, **scale.turn})
        file = str(folders.results / f"throughput-{name}.json")
        return module("experiments.throughput", "--depths", str(network.depth), *settings, "--json", file)

    def side_by_side() -> list[str]:
        settings, counts = json.dumps({**some, **scale.recipe}), map(str, scale.counts)
        trial = str(folders.trial), str(scale.trial_seconds), str(max(scale.depths)), settings
        return module("tests.gpu.side_by_side", *trial, *counts)

    def section42(seconds: float) -> list[str]:
        chosen_jobs, chosen_seeds = choose(tried(folders.trial), seconds, scale)
        together = {"jobs": jobs or chosen_jobs, "seeds": seeds or chosen_seeds}
        settings = flags({**together, **whole, **scale.recipe})
        return module("experiments.degradation", "--depths", *map(str, scale.depths), *settings)

    def verdict() -> list[str]:
        return module("tests.gpu.verdict", str(folders.out / "section42.csv"), str(folders.results / "section42.json"))

    def profile() -> list[str]:
        networks = [scale.networks[name] for name in scale.profiled]
        each = [(str(network.depth), json.dumps({**some, **network.settings})) for network in networks]
        return module("tests.gpu.profile_step", *chain(*each))

    return [
        fixed("images", 1, images()),
        fixed("tests", 3, tests()),
        *(
            fixed(f"throughput-{name}", network.share, throughput(name, network), "throughput.txt")
            for name, network in scale.networks.items()
        ),
        fixed("side-by-side", 0.6, side_by_side(), "section42.txt"),
        Part("section42", 6, "section42.txt", section42),
        fixed("verdict", 0.5, verdict(), "section42.txt"),
        fixed("profile", 0.7, profile()),
    ]


def needing_cuda() -> list[str]:
    """Find the files that have tests for a GPU; some others import what a host may lack."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file) for file in files if NEEDS_CUDA.search(file.read_text())]


def fixed(name: str, share: float, command: Sequence[str], log: str = "") -> Part:
    """Make a part whose command doesn't depend on its time; its log has its name where no other is given."""
    return Part(name, share, log or f"{name}.txt", lambda _: list(command))


def module(name: str, *arguments: str) -> list[str]:
    """Write the command that runs a module by this Python."""
    return [sys.executable, "-m", name, *arguments]


def tried(file: Path) -> dict[int, float]:
    """Read images a second by the number of runs side by side; none where no trial has ended."""
    if not file.exists():
        return {}
    return {int(count): rate for count, rate in json.loads(file.read_text()).items()}
