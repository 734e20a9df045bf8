"""How fast is training here, and what would a bare step, or a conventional loop, reach? Measured in turn, in one run.

`python -m experiments.throughput --help`
"""

import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.errors import BadInput
from plainres.settings import RunConfig, Settings
from plainres.settings.declaration import check_values, group, setting
from plainres.sweeps.configure import filled
from plainres.sweeps.plan import plan_sweep
from plainres.system.files import write_whole

if TYPE_CHECKING:
    from ._throughput.comparison import Comparison

PROGRAM = "uv run python -m experiments.throughput"
TORCHS = "bare step, torch's"


@dataclass(frozen=True)
class Flags:
    """Measure images a second of training: this harness, the bare step, and the conventional loop, in turn.

    The bare step is model, loss, backward and optimizer over one batch; on a CPU it is measured through torch's own
    convolutions as well. The conventional loop is that of most public repositories, made to tell what this harness
    tells: torch's own modules, a DataLoader with torchvision's transforms on PIL images, default memory format, fp32,
    and .item() in each step for loss, accuracy and the gradient norm of each parameter.
    On a CPU, a sweep of as many runs as there are cores is measured against the conventional loop on all cores as well.
    Keep the machine quiet meanwhile.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--depths 18 --arms plain residual")

    depths: tuple[int, ...] = setting((18, 50), "Depths of the networks.", words="depth")
    arms: tuple[str, ...] = setting(
        ("residual",), "plain, residual, or either with settings of its own, as residual:shortcut=C.", words="arm"
    )
    rounds: int = setting(10, "Rounds, in each of which every loop has its turn.", least=2)
    seconds: float = setting(2.0, "Length of a turn.", above=0, most=600)
    json: str | None = setting(None, "File for the results of every round.", metavar="PATH", shown="none")
    run: Settings = group(filled)


def main(flags: Flags) -> int:
    """Measure and print."""
    check_values(flags)
    if flags.json is not None:
        check_writable(Path(flags.json))
    configs = plan_sweep(flags.arms, flags.depths, (0,), **flags.run.values).configs
    return compare_all(configs, flags)


def check_writable(path: Path) -> None:
    """Raise BadInput if no file of this name can be written."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise BadInput(f"{path} can't be written")


def compare_all(configs: tuple[RunConfig, ...], flags: Flags) -> int:
    """Measure one network after the other."""
    from rich.console import Console

    from plainres.data import Split, dataset_of

    from ._throughput.comparison import EXPLANATION, hardware_name, terminal_table
    from ._throughput.loops import STREAMED
    from ._throughput.rounds import LoopFailed

    if not isinstance(dataset_of(configs[0]).train, Split):  # before any process is started
        raise BadInput(STREAMED)
    hardware = hardware_name(configs[0].device)
    comparisons = []
    console = Console(highlight=False)
    console.print(f"{hardware}; {configs[0].dataset}, batch {configs[0].batch_size}, {configs[0].precision}")
    try:
        for config in configs:
            with console.status(f"measuring {config.network}"):
                comparisons.append(compare(config, flags.rounds, flags.seconds))
            console.print(f"\n{comparisons[-1].network}", terminal_table(comparisons[-1]))
    except LoopFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return RUN_FAILED
    console.print(EXPLANATION)
    if flags.json is not None:
        values = {
            "hardware": hardware,
            "rounds": flags.rounds,
            "seconds": flags.seconds,
            "config": asdict(configs[0]),
            "networks": [comparison.values() for comparison in comparisons],
        }
        write_whole(Path(flags.json), json.dumps(values, indent=1).encode())
    return FINISHED


def compare(config: RunConfig, rounds: int, seconds: float) -> "Comparison":
    """Measure all loops for one network."""
    import joblib

    from ._throughput.comparison import Comparison
    from ._throughput.loops import bare, bare_torch, conventional, flops_per_image, harness, matrix_product
    from ._throughput.rounds import Contender, measure

    fp32 = replace(config, precision="fp32")
    contenders = [
        Contender("harness", harness, config),
        Contender("bare step", bare, config),
        Contender("conventional", conventional, fp32),
        Contender("matrix product", matrix_product, config),
    ]
    peaks = dict.fromkeys(("harness", "bare step", "conventional"), "matrix product")
    if fp32 != config:
        contenders.append(Contender("matrix product, fp32", matrix_product, fp32))
        peaks["conventional"] = "matrix product, fp32"
    ratios = [("harness", "bare step"), ("harness", "conventional")]
    cores = joblib.cpu_count()
    if config.device == "cpu":
        contenders.append(Contender(TORCHS, bare_torch, config))
        peaks[TORCHS] = "matrix product"
        ratios.append(("bare step", TORCHS))
    if config.device == "cpu" and cores > config.threads:
        on_all = replace(config, threads=cores)
        contenders += [
            Contender("sweep, all cores", harness, config, processes=cores // config.threads),
            Contender("conventional, all cores", conventional, on_all),
            Contender("matrix product, all cores", matrix_product, on_all),
        ]
        peaks |= dict.fromkeys(("sweep, all cores", "conventional, all cores"), "matrix product, all cores")
        ratios.append(("sweep, all cores", "conventional, all cores"))
    ours, torchs = flops_per_image(config)
    flops = {loop: torchs if "conventional" in loop or loop == TORCHS else ours for loop in peaks}
    measured = measure(contenders, rounds, seconds)
    return Comparison(config.network, measured, flops, peaks, tuple(ratios))


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
