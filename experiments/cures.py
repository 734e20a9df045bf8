"""What cures deep plain networks, at which dose, and how deep does it reach? `python -m experiments.cures --help`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

from plainres.cli.command_line import FINISHED, RUN_FAILED, exit_code, run_command
from plainres.errors import BadInput
from plainres.screen.console import console
from plainres.settings import RunConfig
from plainres.settings.declaration import TUNING, redeclared, setting
from plainres.sweeps.arms import dose_arms
from plainres.workflows.compare import Studies, carry_out, check_left_out, planned, store_beside
from plainres.workflows.requests import CompareRequest, Studied, StudyRequest, SweepRequest
from plainres.workflows.tune import carry_out_studies

if TYPE_CHECKING:
    from plainres.analysis.judged_sweep import JudgedSweep

PROGRAM = "uv run python -m experiments.cures"
STUDIES, SEARCHED = "cures", ("lr",)
TUNING_SEED = 999_999  # of every trial, and of no run that is judged
STEP_TIMES = "step-times.csv"


@dataclass(frozen=True)
class Flags(CompareRequest):
    """Train plain networks, residual ones and supposed cures alike, and state which of them degrade with depth.

    With --dose one arm is trained at several values of a setting: at which dose does it cure? With --frontier each arm
    is trained deeper and deeper until it fails. Runs are tracked in MLflow as those of experiments.degradation.
    Exit code: 0 finished, 1 a run failed, 2 bad input, 130, 143 or 129 interrupted by SIGINT, SIGTERM or SIGHUP.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--tuned",
        "--arms residual --dose shortcut_scale 0 0.25 0.5 1",
        "--frontier --depths 20 56 110 --seeds 3",
    )

    depths: tuple[int, ...] = redeclared(
        CompareRequest, "depths", (20, 56),
        help="Weighted layers, of one family: 18 34 50 101 152 (four-stage), or 6n+2 as 20 56 110 1202 (three-stage).",
    )  # fmt: skip
    arms: tuple[str, ...] = redeclared(
        CompareRequest,
        "arms",
        (
            "plain",
            "plain:init=dirac",
            "plain:weights=dirac,downsampling=pool,param_groups=paper",  # DiracNets
            "plain:activation=crelu,init=delta-orthogonal,norm=none",  # looks linear
            "plain:activation=tat,init=delta-orthogonal,norm=none",
            "plain:optimizer=muon",
            "residual",
            "residual:block=pre",
            "residual:norm=none,param_groups=paper",  # Fixup
            "residual:block=pre,norm=none,residual_gate=True",  # SkipInit
            "residual:block=before,residual_gate=True",  # ReZero
            "residual:shortcut_scale=0.5",
            "residual:shortcut_until=0.5",
            "residual:zero_gamma=True",
        ),
        help="What is compared: plain or residual, each with settings of its own.",
    )
    seeds: tuple[int, ...] = redeclared(
        SweepRequest, "seeds", tuple(range(9)),
        help="Of initial weights and order of the images; a run each, and nine are the fewest that can decide about "
        "twelve arms beside the plain and the residual one.",
    )  # fmt: skip
    experiment_name: str = redeclared(CompareRequest, "experiment_name", "cures")
    dose: tuple[str, ...] = setting(
        (), "A numeric setting and the values that the one arm of --arms is given, as: shortcut_scale 0 0.5 1.",
        metavar="SETTING VALUE VALUE ...", shown="none",
    )  # fmt: skip
    frontier: bool = setting(
        False,
        "Go from the shallowest of the depths to the deepest, each arm until its training error ends above 10 %.",
        switch=True,
    )
    tuned: bool = setting(
        False,
        "Find the learning rate of every network first, by a study each and all alike, on a seed of their own.",
        switch=True,
        heading=TUNING,
    )
    trials: int = redeclared(Studied, "trials", 12, help="Of each network's study, for --tuned.")
    storage: str = redeclared(StudyRequest, "storage", StudyRequest.storage, help="Database of the studies.")


def main(flags: Flags) -> int:
    """Check what can be checked in an instant, then train and report."""
    if flags.dose and flags.frontier:
        raise BadInput("--dose and --frontier ask two questions; leave out one")
    if flags.dose and len(flags.arms) != 1:
        raise BadInput("--dose is of one arm; name it, as --arms residual")
    if flags.tuned and (flags.dose or flags.frontier):
        raise BadInput("--tuned compares arms side by side; leave out --dose and --frontier")
    if flags.tuned and TUNING_SEED in flags.seeds:
        raise BadInput(f"seed {TUNING_SEED} chooses the learning rates: take another")
    if flags.frontier:
        return find_frontier(flags)
    if flags.dose:
        setting, *doses = flags.dose
        return show_doses(setting, replace(flags, arms=dose_arms(flags.arms[0], setting, doses)))
    return show_fates(flags)


def show_fates(flags: Flags) -> int:
    """Train the arms side by side, each at its own learning rate if they are `tuned`; print what becomes of each."""
    sweep = carry_out(flags, console(), tune(flags) if flags.tuned else None)

    from plainres.analysis.report import print_report
    from plainres.analysis.tuned_table import tuned_tables
    from plainres.explain.cures import arms_table, count_parameters, fates_sentence, with_borders, write_arms
    from plainres.sweeps.tuned import from_params

    network = sweep.depths[-1], sweep.seeds[0]
    deepest = [config for config in planned(flags).configs if (config.depth, config.seed) == network]
    parameters = {config.arm: count_parameters(config) for config in deepest}
    times = {} if flags.launch.elsewhere or sweep.missing else step_times(sweep, deepest)
    store_beside(sweep, lambda folder: write_arms(sweep, folder))
    tuned = from_params(sweep.params)
    of_arms = arms_table(with_borders(sweep), sweep.verdict, parameters, times)
    print_report(
        sweep,
        [of_arms, *(tuned_tables(tuned, sweep.runs) if tuned else [])],
        [fates_sentence(sweep, sweep.verdict)],
    )
    return exit_code(sweep)


def step_times(sweep: "JudgedSweep", configs: Sequence[RunConfig]) -> Mapping[str, float]:
    """Give what a training step of each arm takes, over one of the first, as it was timed here for the first report."""
    import pandas as pd

    from plainres.explain.step_times import time_steps
    from plainres.tracking.artifacts import artifact_sizes, download_artifact

    where = sweep.tracking_uri, sweep.parent_run_id
    if STEP_TIMES not in artifact_sizes(*where):
        console().print("timing a training step of each arm", highlight=False)
        store_beside(sweep, lambda folder: time_steps(configs).to_csv(folder / STEP_TIMES, index=False))
    with TemporaryDirectory() as folder:
        times = pd.read_csv(download_artifact(*where, STEP_TIMES, Path(folder)))
    return dict(zip(times["arm"], times["ratio"], strict=True))


def tune(flags: Flags) -> Studies:
    """Find the learning rate of every network, by studies that go on where they stopped."""
    check_left_out(planned(flags), SEARCHED)  # what can't be trained is refused before a study is made
    shared = {each.name: getattr(flags, each.name) for each in fields(StudyRequest) if hasattr(flags, each.name)}
    request = StudyRequest(**shared | {"searched": SEARCHED, "study_name": STUDIES, "seed": TUNING_SEED})
    carry_out_studies(request, console())
    return Studies(flags.storage, STUDIES)


def show_doses(setting: str, request: CompareRequest) -> int:
    """Train an arm at each dose; print and store the dose-response curve."""
    sweep = carry_out(request, console(), verdict=False)

    from plainres.analysis.report import print_report
    from plainres.explain.cures import DOSE_FIGURE, dose_sentence, dose_table, write_dose_response

    store_beside(sweep, lambda folder: write_dose_response(setting, sweep, folder))
    table, sentence = dose_table(setting, sweep, sweep.verdict), dose_sentence(setting, sweep, sweep.verdict)
    print_report(sweep, [table], [sentence], file=DOSE_FIGURE)
    return exit_code(sweep)


def find_frontier(request: CompareRequest) -> int:
    """Train depth by depth the arms that have not failed yet; print how deep each reaches, stored with the last."""
    whole = planned(request)

    import pandas as pd

    from plainres.analysis.report import print_report
    from plainres.explain.cures import FRONTIER_FIGURE, frontier_sentence, frontier_table, trained_arms, write_frontier

    arms = whole.arms
    climb: list[JudgedSweep] = []
    for depth in whole.depths:
        if arms:
            climb.append(carry_out(replace(request, depths=(depth,), arms=arms), console(), verdict=False))
            arms = trained_arms(climb[-1].runs, depth)
    runs = pd.concat([sweep.runs for sweep in climb], ignore_index=True)
    store_beside(climb[-1], lambda folder: write_frontier(runs, whole.arms, folder))
    missing = [name for sweep in climb for name in sweep.missing]
    print_report(
        climb[-1],
        [frontier_table(runs, whole.arms)],
        [frontier_sentence(runs, whole.arms, missing)],
        file=FRONTIER_FIGURE,
    )
    return RUN_FAILED if missing else FINISHED


if __name__ == "__main__":
    sys.exit(run_command(Flags, main, PROGRAM))
