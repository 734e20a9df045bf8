"""At which learning rates does each network train at all? `python -m experiments.trainability --help`.

Maps of other questions: Schoenholz et al. 2017 (deep information propagation), Sohl-Dickstein 2024 (the boundary of
neural network trainability).
"""

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, run_command
from plainres.errors import BadInput
from plainres.screen.console import console
from plainres.settings.declaration import redeclared, setting
from plainres.sweeps.arms import dose_arms, dosed, without
from plainres.sweeps.grid import values_between
from plainres.workflows.compare import carry_out, planned, store_beside
from plainres.workflows.requests import CompareRequest

PROGRAM = "uv run python -m experiments.trainability"
RATES = (0.001, 1.0)


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Train each arm at each depth and value of a setting, and draw the final training error as a map for each arm.

    What the store has is not trained again. Runs are tracked in MLflow as those of experiments.degradation; table and
    figure are stored with the sweep's parent run.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--setting batch_size --range 16 256 --values 5")

    depths: tuple[int, ...] = redeclared(CompareRequest, "depths", (20, 32, 56, 110))
    arms: tuple[str, ...] = redeclared(CompareRequest, "arms", ("plain", "residual", "plain:init=dirac"))
    seeds: tuple[int, ...] = redeclared(
        CompareRequest, "seeds", (0, 1, 2), help="Of initial weights and order of the images; a cell is their mean."
    )
    across: str = setting("lr", "The numeric setting whose values are tried.", option="setting")
    span: tuple[float, ...] = setting(
        (), "Its smallest and its largest value.",
        option="range", words="range", metavar="LOW HIGH", shown="0.001 1 for lr",
    )  # fmt: skip
    values: int = setting(
        8,
        "How many values are tried, by equal factors, or evenly spaced where the range begins at 0.",
        least=2,
        most=1000,
    )
    refine: int = setting(
        0, "How often to look closer: a value is added between two neighbours of which only one trains.",
        least=0, most=10,
    )  # fmt: skip
    most: int = setting(200, "Cells of all maps together, at most, not counting those of --refine.", least=1)


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    name = flags.across.replace("-", "_")
    if len(flags.span) not in (0, 2) or (not flags.span and name != "lr"):
        raise BadInput(f"a map of {name} needs --range with its smallest and its largest value")
    cells = len(flags.arms) * len(flags.depths) * flags.values
    if cells > flags.most:
        raise BadInput(f"{cells} cells are more than --most {flags.most}")
    values = values_between(name, flags.span or RATES, flags.values)
    request = replace(flags, arms=tuple(dosed for arm in flags.arms for dosed in dose_arms(arm, name, values)))
    whole = planned(request)

    import pandas as pd

    from plainres.analysis.report import print_report
    from plainres.explain import trainability

    arms = list(dict.fromkeys(without(arm, name) for arm in whole.arms))
    sweeps = [carry_out(request, console(), report=False)]
    for _ in range(flags.refine):
        known = trainability.cells_of(pd.concat([sweep.runs for sweep in sweeps], ignore_index=True), name)
        for depth in whole.depths:
            new = [
                dosed(arm, name, value)
                for arm, between in trainability.closer(known, name, depth).items()
                for value in between
            ]
            if new:
                sweeps.append(carry_out(replace(request, depths=(depth,), arms=tuple(new)), console(), report=False))
    runs = pd.concat([sweep.runs for sweep in sweeps], ignore_index=True)
    missing = [run for sweep in sweeps for run in sweep.missing]
    if runs.empty:
        console().print("No run has finished, so there is no map.")
        return RUN_FAILED
    grid = list(map(float, values))
    found = trainability.with_missing(trainability.cells_of(runs, name), arms, whole.depths, grid)
    store_beside(sweeps[0], lambda folder: trainability.write(runs, found, name, arms, folder))
    sentences = trainability.sentences(found, name, arms, grid)
    if missing:
        sentences.append(f"Missing: {', '.join(missing)}.")
    print_report(sweeps[0], [trainability.table(found, name, arms)], sentences, file=trainability.FIGURE)
    return RUN_FAILED if missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
